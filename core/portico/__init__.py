"""Portico: a plugin-based platform for talking to AI models on one's own server.

Plugins import `portico.api`; their tests use `portico.testing`. Everything else is a room of the core.
"""

__version__ = "0.1.0"
