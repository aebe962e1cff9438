"""The worker process: it runs background tasks, and answers no requests."""
