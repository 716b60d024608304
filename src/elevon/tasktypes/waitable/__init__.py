"""`waitable`: waits until the executions that its inputs name have ended, then runs the user's code on how they did."""
