"""Portico: a plugin-based server for chatting with AI models on your own machine.

Plugins import `portico.api`; their tests use `portico.testing`. Every other package is internal to the core.
"""

__version__ = "0.1.0"
