"""The rows of models, of their versions, and of what changed. Permissions are checked in other packages."""
