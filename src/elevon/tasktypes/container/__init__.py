"""`container`: any command in any image; `raw-container` is flytekit's name for the same."""
