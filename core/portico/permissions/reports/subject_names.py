"""Names of the groups and accounts whose ids are in policy rules: `group:<group id>` and `user:<account id>`."""

from collections.abc import Iterable

from portico.db import chunks, fetch_all, placeholders

_SELECT = {
    "group": "SELECT id, name FROM portico_group WHERE id IN ({})",
    "user": "SELECT id, email AS name FROM portico_account WHERE id IN ({})",
}


async def subject_names(subjects: Iterable[str]) -> dict[str, str | None]:
    """Return the name of each subject that is a group or an account; None = it does not exist."""
    wanted: dict[str, list[str]] = {prefix: [] for prefix in _SELECT}
    for subject in dict.fromkeys(subjects):
        prefix, _, subject_id = subject.partition(":")
        if prefix in wanted:
            wanted[prefix].append(subject_id)
    names: dict[str, str | None] = {}
    for prefix, ids in wanted.items():
        names |= {f"{prefix}:{one}": None for one in ids}
        for chunk in chunks(ids):
            for row in await fetch_all(_SELECT[prefix].format(placeholders(len(chunk))), *chunk):
                names[f"{prefix}:{row['id']}"] = row["name"]
    return names
