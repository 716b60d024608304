"""Small things that know nothing of elevon and nothing of each other."""
