"""Map an LDAP entry to an external identity."""

import hashlib
import uuid

from portico.api.auth import ExternalIdentity, Role
from portico_ldap.protocol import SearchEntry, common_name, normalize_dn
from portico_ldap.server import LdapServerConfig

#: A longer subject is stored as its hash.
MAX_SUBJECT_BYTES = 512


def identity_of(
    entry: SearchEntry, server: LdapServerConfig, user: str, role: Role | None
) -> ExternalIdentity | None:
    """Return the identity of the user; None if the entry has no e-mail address."""
    settings = server.settings
    mail = texts(entry, settings.attribute_for_mail)[:1]
    if not mail:
        return None
    groups = groups_of(entry, server) if settings.group_management else None
    return ExternalIdentity(
        subject=subject_of(entry, server),
        email=mail[0].strip(),
        name=(texts(entry, "cn") or [user])[0],
        email_verified=True,
        role=role,
        groups=groups,
    )


def subject_of(entry: SearchEntry, server: LdapServerConfig) -> str:
    """Return the stable id of the user with the name of its attribute; else the distinguished name of the entry."""
    for name in server.stable_id_attributes:
        values = entry.attributes.get(name.lower(), [])
        if len(values) == 1 and values[0]:
            return _short(f"{name.lower()}={_text_of_id(name, values[0])}")
    return _short(f"dn={normalize_dn(entry.dn)}")


def groups_of(entry: SearchEntry, server: LdapServerConfig) -> tuple[str, ...]:
    """Return the `cn` of each group of the user; values that are not names of groups are ignored."""
    found = (common_name(dn) for dn in texts(entry, server.settings.attribute_for_groups))
    return tuple(dict.fromkeys(name for name in found if name))


def is_administrator(entry: SearchEntry, server: LdapServerConfig) -> bool:
    """Whether the user is in one of the `admin_groups`, given by distinguished name or by exact `cn`."""
    settings = server.settings
    names = {normalize_dn(one) for one in settings.admin_groups if "=" in one}
    common_names = {one for one in settings.admin_groups if "=" not in one}
    dns = texts(entry, settings.attribute_for_groups)
    return any(normalize_dn(dn) in names or common_name(dn) in common_names for dn in dns)


def texts(entry: SearchEntry, attribute: str) -> list[str]:
    """Return the values of an attribute that are text and not empty."""
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
    return (
        subject
        if len(encoded) <= MAX_SUBJECT_BYTES
        else f"sha256={hashlib.sha256(encoded).hexdigest()}"
    )
