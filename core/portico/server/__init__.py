"""The server process: granian, the log, the ready line."""
