"""Responses: JSON, images, long lists and streams."""
