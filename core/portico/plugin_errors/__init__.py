"""Errors of plugins: which plugin, file and line they come from, and exits that must not end the process."""
