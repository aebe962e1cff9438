"""Groups, their members, and the permissions that groups and defaults grant."""
