"""HTTP: routes, middleware, request bodies, error responses and streams."""
