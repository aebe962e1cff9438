"""Whom the ids in the law mean: names for `member:<group id>` and `user:<account id>`, for whoever reads along."""

from collections.abc import Iterable

from portico.db import chunks, fetch_all, placeholders

_SELECT = {
    "member": "SELECT id, name FROM portico_group WHERE id IN ({})",
    "user": "SELECT id, email AS name FROM portico_account WHERE id IN ({})",
}


async def subject_names(words: Iterable[str]) -> dict[str, str | None]:
    """For each of these words that names a group or an account: what that is called; None = there is none."""
    wanted: dict[str, list[str]] = {prefix: [] for prefix in _SELECT}
    for word in dict.fromkeys(words):
        prefix, _, name = word.partition(":")
        if prefix in wanted:
            wanted[prefix].append(name)
    named: dict[str, str | None] = {}
    for prefix, ids in wanted.items():
        named |= {f"{prefix}:{one}": None for one in ids}
        for some in chunks(ids):
            for found in await fetch_all(_SELECT[prefix].format(placeholders(len(some))), *some):
                named[f"{prefix}:{found['id']}"] = found["name"]
    return named
