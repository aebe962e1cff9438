"""ASGI middleware around all requests: client address, HTTPS, CORS, time limits and response headers."""
