"""Models of the workspace: who may do what with them, their list, and their history."""
