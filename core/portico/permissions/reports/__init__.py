"""Reports about access: why, who can, and what a change does."""
