"""The server process: the main process, its worker, and the log."""
