"""`python -m elevon` is the command `elevon`."""

import sys

from elevon.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
