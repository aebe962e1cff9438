"""Many minutes of mixed load on a real server, and whether its memory stays flat: `python -m tests.soak`."""
