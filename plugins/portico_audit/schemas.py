"""JSON bodies of the audit routes."""

import msgspec

from portico.api.audit import AuditEntry


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, newest first. `next`: the value of `before` for older ones; null = there are none."""

    entries: list[AuditEntry]
    next: int | None
