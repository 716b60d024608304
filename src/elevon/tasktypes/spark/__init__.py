"""`spark`: Spark applications, of user code with a session and of any other program."""
