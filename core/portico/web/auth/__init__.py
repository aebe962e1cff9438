"""Authentication and authorization of requests, before the handler runs and the body is read."""
