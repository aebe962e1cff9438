"""The versions of models."""
