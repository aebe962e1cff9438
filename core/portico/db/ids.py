"""Identifiers for new rows."""

import uuid


def new_id() -> str:
    """Return a random UUID in lower case, with dashes."""
    return str(uuid.uuid4())
