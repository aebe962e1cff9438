"""The server: the main process, its server processes, and the log."""
