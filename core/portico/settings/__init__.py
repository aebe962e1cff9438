"""Settings: what can be set (`schema`), and the one place that reads it (`load`)."""
