"""Settings: the core's settings (`schema`), and how they are read from file and environment (`load`)."""
