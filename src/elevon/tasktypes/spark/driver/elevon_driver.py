"""The main application of a Spark task with user code: `elevon-execute`, as a file that `spark-submit` runs as Python.

Its arguments are the command of the task's container, the name of the program first.
"""

import sys

from elevon.sdk import entrypoint

if __name__ == "__main__":
    sys.exit(entrypoint.main(sys.argv[2:]))
