"""The database of the source, SQLite or PostgreSQL: it is only read, page by page."""

from portico_openwebui.databases.source_database import SourceDatabase
from portico_openwebui.databases.source_opening import open_database

__all__ = ["SourceDatabase", "open_database"]
