"""From an entry of the directory to what is said about somebody."""

import hashlib
import uuid

from portico.api import ExternalIdentity, Role
from portico_ldap.protocol import SearchEntry, common_name, normalize_dn
from portico_ldap.server import LdapServerConfig

#: Bytes of a subject that are kept as they are; a longer one is kept as its hash.
LONGEST = 512


def proof_of(
    entry: SearchEntry, server: LdapServerConfig, user: str, role: Role | None
) -> ExternalIdentity | None:
    """What the directory vouches for; None if it knows no e-mail address."""
    settings = server.settings
    mail = texts(entry, settings.attribute_for_mail)[:1]
    if not mail:
        return None
    named = groups_of(entry, server) if settings.group_management else None
    return ExternalIdentity(
        subject=subject_of(entry, server),
        email=mail[0].strip(),
        name=(texts(entry, "cn") or [user])[0],
        email_verified=True,
        role=role,
        groups=named,
    )


def subject_of(entry: SearchEntry, server: LdapServerConfig) -> str:
    """What the directory calls somebody for ever, with the attribute it says so in; else the name of the entry."""
    for name in server.stable_id_attributes:
        values = entry.attributes.get(name.lower(), [])
        if len(values) == 1 and values[0]:
            return _short(f"{name.lower()}={_text_of_id(name, values[0])}")
    return _short(f"dn={normalize_dn(entry.dn)}")


def groups_of(entry: SearchEntry, server: LdapServerConfig) -> tuple[str, ...]:
    """The `cn` of each group that somebody is in; what is not the name of a group is passed over."""
    found = (common_name(dn) for dn in texts(entry, server.settings.attribute_for_groups))
    return tuple(dict.fromkeys(name for name in found if name))


def is_administrator(entry: SearchEntry, server: LdapServerConfig) -> bool:
    """Whether somebody is in one of the groups that the operator named: the whole of its name, or its `cn` as it is written."""
    settings = server.settings
    names = {normalize_dn(one) for one in settings.admin_groups if "=" in one}
    words = {one for one in settings.admin_groups if "=" not in one}
    dns = texts(entry, settings.attribute_for_groups)
    return any(normalize_dn(dn) in names or common_name(dn) in words for dn in dns)


def texts(entry: SearchEntry, attribute: str) -> list[str]:
    """The values of an attribute that are texts and not empty."""
    found = []
    for value in entry.attributes.get(attribute.lower(), ()):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            continue
        if text.strip() and "\x00" not in text:
            found.append(text)
    return found


def _text_of_id(name: str, value: bytes) -> str:
    if name.lower() == "objectguid" and len(value) == 16:
        return str(uuid.UUID(bytes_le=value))
    try:
        return value.decode("ascii").lower()
    except UnicodeDecodeError:
        return value.hex()


def _short(subject: str) -> str:
    encoded = subject.encode()
    return subject if len(encoded) <= LONGEST else f"sha256={hashlib.sha256(encoded).hexdigest()}"
