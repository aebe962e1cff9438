"""Builds databases as Open WebUI 0.6.41 and 0.12.4 have them, with made-up content that is the same each time.

    instance = MadeUpInstance("0.12.4", accounts=200, models=500, chats=5_000, messages=100_000)
    write_sqlite(path, instance)

`MadeUpInstance` says what must come out; the columns are in `columns.py`. Columns and revisions are facts of the public
source of Open WebUI.
"""

from tests.openwebui.content import PASSWORD, MadeUpInstance
from tests.openwebui.writing import write_postgres, write_sqlite, write_uploads

__all__ = ["PASSWORD", "MadeUpInstance", "write_postgres", "write_sqlite", "write_uploads"]
