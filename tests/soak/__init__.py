"""Soak test: many minutes of mixed load on a real server, whose memory must stay flat: `python -m tests.soak`."""
