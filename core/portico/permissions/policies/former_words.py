"""Words of policy files that were renamed: each with its new word, for error messages and for the migration."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from portico.permissions.subjects import ADMIN_CHATS, ADMIN_EXPORT, BYPASS_ADMIN, BYPASS_MODELS

KINDS: Final = MappingProxyType(
    {"key": "api_key", "setting": "settings", "permission": "default_permissions"}
)
#: Actions of `model`.
MODEL_ACTIONS: Final = MappingProxyType(
    {"clear": "delete_all", "invite": "share_with_users", "publish": "share_publicly"}
)
SUBJECTS: Final = MappingProxyType(
    {
        "bypass:admin": BYPASS_ADMIN,
        "bypass:models": BYPASS_MODELS,
        "bypass:chats": ADMIN_CHATS,
        "bypass:export": ADMIN_EXPORT,
    }
)
GROUP_PREFIX: Final = "member:"
#: Packaged files; a file of an operator with one of these names replaced it.
FILES: Final = MappingProxyType(
    {
        "access.csv": ("policies.csv", "audit.csv"),
        "roles.csv": ("base.csv",),
        "keys.csv": ("api_keys.csv",),
    }
)


def new_kind(kind: str) -> str:
    """Return the new word for a kind; one that was not renamed is returned as it is."""
    return KINDS.get(kind, kind)


def new_action(kind: str, action: str) -> str:
    """Return the new word for an action of a kind."""
    return MODEL_ACTIONS.get(action, action) if kind in ("model", "*") else action


def new_subject(subject: str) -> str:
    """Return the new word for a subject."""
    if subject.startswith(GROUP_PREFIX):
        return f"group:{subject.removeprefix(GROUP_PREFIX)}"
    return SUBJECTS.get(subject, subject)


def rewritten(text: str) -> str:
    """Return the text of a policy file with the new words. Comments, spaces and line ends stay."""
    return "\n".join(_rewritten_line(line) for line in text.split("\n"))


def renamed_files(texts: Mapping[str, str]) -> dict[str, str]:
    """Return saved policy files under their new names, with the new words.

    A file that replaced a renamed packaged file replaces it under its new name; `access.csv` becomes two files. A file
    that has such a new name already replaced nothing so far, so it is renamed to `own-…` and still adds its rules.
    """
    taken = {new for names in FILES.values() for new in names}
    result: dict[str, str] = {}
    for name, text in texts.items():
        if name == "access.csv":
            result["policies.csv"], result["audit.csv"] = _split_audit(rewritten(text))
        elif name in FILES:
            result[FILES[name][0]] = rewritten(text)
        else:
            new_name = name
            while new_name in taken or (new_name != name and new_name in texts):
                new_name = f"own-{new_name}"
            result[new_name] = rewritten(text)
    return result


def _rewritten_line(line: str) -> str:
    fields = line.split(",")
    words = [field.strip() for field in fields]
    if words[0] == "p" and len(words) == 5:
        new = ["p", new_kind(words[1]), new_action(words[1], words[2]), new_subject(words[3])]
    elif words[0] == "g" and len(words) == 3:
        new = ["g", new_subject(words[1])]
    else:
        return line
    for position, word in enumerate(new):
        fields[position] = fields[position].replace(words[position], word)
    return ",".join(fields)


def _split_audit(text: str) -> tuple[str, str]:
    """Split the rules of the kind `audit` from the other lines."""
    audit: list[str] = []
    other: list[str] = []
    for line in text.split("\n"):
        words = [word.strip() for word in line.split(",")]
        (audit if words[:2] == ["p", "audit"] else other).append(line)
    return "\n".join(other), "".join(f"{line}\n" for line in audit)
