"""The commands of `elevon plugin`, one module each."""
