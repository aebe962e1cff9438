"""Identifiers for new rows."""

import uuid


def new_id() -> str:
    """A random UUID in lower case, with dashes."""
    return str(uuid.uuid4())
