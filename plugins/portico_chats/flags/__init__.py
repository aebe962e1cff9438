"""Flags of a chat besides its content: pinned, archived, folder."""
