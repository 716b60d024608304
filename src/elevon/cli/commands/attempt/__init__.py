"""The commands of `elevon attempt`, one module each."""
