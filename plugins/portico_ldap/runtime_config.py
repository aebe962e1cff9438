"""What is in force of the settings, and changing it. The password is kept apart from the rest, locked."""

from collections.abc import Mapping
from typing import Any

import structlog

from portico.api import (
    PINNED,
    AppContext,
    DecryptionError,
    InvalidRequest,
    execute,
    fetch_one,
    now,
    record_change,
    transaction,
)
from portico_ldap.protocol import read_filters
from portico_ldap.protocol.distinguished_names import parts
from portico_ldap.protocol.filters import ATTRIBUTE
from portico_ldap.schemas import MASK, LdapServer, LdapState
from portico_ldap.server import LdapServerConfig, TLSContexts, server_of
from portico_ldap.settings import LdapSettings

log = structlog.get_logger("portico.ldap")

NAME = "app_password"
ABOUT = f"ldap:{NAME}"
#: Fields of the form that must not be empty, in the order in which they are complained of.
REQUIRED = (
    "label", "host", "attribute_for_mail", "attribute_for_username", "app_dn", "app_dn_password", "search_base",
)  # fmt: skip
#: Fields that decide who is told the password.
LISTENERS = ("host", "port", "use_tls", "start_tls", "validate_cert", "ca_cert_file", "ciphers")
ELSEWHERE = (
    "[ERROR: Send app_dn_password again: it would be told to another server, or less safely]"
)

#: Settings that the form calls otherwise.
_CALLED = {"search_filter": "search_filters", "ca_cert_file": "certificate_path"}

_GET = "SELECT locked FROM ldap_secret WHERE name = $1"
_PUT = (
    "INSERT INTO ldap_secret (name, locked, updated_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (name) DO UPDATE SET locked = excluded.locked, updated_at = excluded.updated_at"
)


class LdapConfig:
    """The settings of one house: as the operator set them, else as an administrator stored them."""

    def __init__(self, app: AppContext, settings: LdapSettings) -> None:
        self.first = settings
        self._adjustments = app.runtime_settings
        self._adjusted = app.runtime_settings.of(settings)
        self._vault = app.encryptor

    async def current(self) -> LdapSettings:
        """Everything but the password."""
        return await self._adjusted.current()

    @property
    def cached(self) -> LdapSettings:
        """As it was when `now` was last asked."""
        return self._adjusted.cached

    async def server(self) -> LdapServerConfig:
        """The directory, and the password for it. Raises: Invalid for a host that is none."""
        settings = await self.current()
        try:
            return server_of(settings, await self._password())
        except ValueError as error:
            raise InvalidRequest(f"[ERROR: {error}]") from error

    async def state(self) -> LdapState:
        """Whether people sign in by it."""
        return LdapState(enable=(await self.current()).enable)

    async def set_enabled(self, on: bool, by: str) -> LdapState:
        """Let people sign in by it, or not any more."""
        await self._adjustments.change({"ENABLE_LDAP": on}, by)
        return await self.state()

    async def describe(self) -> LdapServer:
        """The directory as an administrator sees it."""
        settings = await self.current()
        return LdapServer(
            label=settings.label,
            host=settings.host,
            port=settings.port,
            attribute_for_mail=settings.attribute_for_mail,
            attribute_for_username=settings.attribute_for_username,
            app_dn=settings.app_dn,
            app_dn_password=MASK if await self._password() else "",
            search_base=settings.search_base,
            search_filters=settings.search_filter,
            use_tls=settings.use_tls,
            start_tls=settings.start_tls,
            certificate_path=settings.ca_cert_file,
            validate_cert=settings.validate_cert,
            ciphers=settings.ciphers,
        )

    async def update(self, form: LdapServer, by: str) -> LdapServer:
        """Speak to this directory from now on. Raises: Invalid, naming the field, also for one that the operator set."""
        before = await self.current()
        wanted = _fields(form, before)
        for name in self._adjusted.pinned & wanted.keys():
            if wanted[name] != getattr(before, name):
                raise InvalidRequest(f"[ERROR: {_CALLED.get(name, name)}: {PINNED}]")
        if NAME in self._adjusted.pinned and form.app_dn_password not in (
            MASK,
            await self._password(),
        ):
            raise InvalidRequest(f"[ERROR: app_dn_password: {PINNED}]")
        _check(
            form,
            LdapSettings(
                **{name: getattr(before, name) for name in before.__struct_fields__} | wanted
            ),
        )
        kept = form.app_dn_password == MASK or NAME in self._adjusted.pinned
        moved = any(getattr(before, name) != wanted[name] for name in LISTENERS)
        if kept and moved and await self._password():
            # Whoever may change where it goes need not be told what it is.
            raise InvalidRequest(ELSEWHERE)
        async with transaction():
            await self._adjustments.change(_variables(wanted, self._adjusted.fields), by)
            if not kept:
                await self._keep(form.app_dn_password)
        return await self.describe()

    async def _keep(self, password: str) -> None:
        if password == await self._password():
            return
        await execute(_PUT, NAME, self._vault.encrypt(password, ABOUT), now())
        await record_change("settings.changed", "setting", "LDAP_APP_PASSWORD")

    async def _password(self) -> str:
        """Empty if there is none, or none that can be read with the keys of today."""
        if NAME in self._adjusted.pinned:
            return self.first.app_password.reveal()
        found = await fetch_one(_GET, NAME)
        try:
            return self._vault.decrypt(found["locked"], ABOUT) if found else ""
        except DecryptionError as error:
            log.warning("the password for the directory cannot be read", why=str(error))
            return ""


def _fields(form: LdapServer, before: LdapSettings) -> dict[str, Any]:
    """The settings that a form stands for."""
    return {
        "label": form.label,
        "host": form.host,
        "port": form.port,
        "attribute_for_mail": form.attribute_for_mail,
        "attribute_for_username": form.attribute_for_username,
        "app_dn": form.app_dn,
        "search_base": form.search_base,
        "search_filter": form.search_filters,
        "use_tls": form.use_tls,
        "start_tls": before.start_tls if form.start_tls is None else form.start_tls,
        "ca_cert_file": form.certificate_path or "",
        "validate_cert": form.validate_cert,
        "ciphers": form.ciphers or "ALL",
    }


def _variables(wanted: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {fields[name].variables[0]: wanted[name] for name in wanted if name in fields}


def _check(form: LdapServer, settings: LdapSettings) -> None:
    """Raises: Invalid, naming the first field that will not do."""
    for name in REQUIRED:
        if not getattr(form, name).strip():
            raise InvalidRequest(f"Required field {name} is empty")
    for name in form.__struct_fields__:
        if "\x00" in str(getattr(form, name)):
            raise InvalidRequest(f"[ERROR: {name} holds a NUL character]")
    for name in ("attribute_for_mail", "attribute_for_username"):
        if not ATTRIBUTE.fullmatch(getattr(form, name)):
            raise InvalidRequest(f"[ERROR: {name} is not the name of an attribute]")
    if parts(settings.search_base) is None:
        raise InvalidRequest("[ERROR: search_base is not a distinguished name]")
    check_usable(settings)


def check_usable(settings: LdapSettings) -> None:
    """Raises: Invalid for a filter, a host or ciphers with which nobody could ever sign in."""
    try:
        read_filters(settings.search_filter)
    except ValueError as error:
        raise InvalidRequest(f"[ERROR: search_filters: {error}]") from error
    try:
        server = server_of(settings, "")
    except ValueError as error:
        raise InvalidRequest(f"[ERROR: host: {error}]") from error
    if server.encryption != "none":
        TLSContexts().of(settings)
