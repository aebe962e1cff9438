"""The border between HTTP and the house: routes, bodies, errors, streams, limits."""
