"""`sidecar`: the code of a task in a pod beside other containers, and every task whose template is a whole pod."""
