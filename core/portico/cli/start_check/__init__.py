"""What serving would say of each plugin: a start in a process of its own, on a copy of the database.

The start is that of serving (`Portico.check_start`): it migrates, activates policies, calls `startup` and builds the routes. It
changes nothing that lasts: SQLite is copied beside its file; on PostgreSQL all migrations run in a schema that is dropped
again, and pending ones also on the real tables, in a transaction that is rolled back. The data directory is a new one.
What a plugin's `startup` does elsewhere, such as to a server of its own, it does here too.
"""

from portico.cli.start_check.check import check_start
from portico.cli.start_check.plan import StartCheck

__all__ = ["StartCheck", "check_start"]
