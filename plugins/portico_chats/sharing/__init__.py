"""Letting others read a chat as it is at one moment, and copies."""
