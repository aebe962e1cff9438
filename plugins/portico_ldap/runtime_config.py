"""The current LDAP settings and their changes at run time. The password is stored apart from the others, encrypted."""

from collections.abc import Mapping
from typing import Any

import structlog
from msgspec import UNSET

from portico.api import PINNED, AppContext, InvalidRequest
from portico.api.audit import record_change
from portico.api.db import DecryptionError, execute, fetch_one, now, transaction
from portico_ldap.protocol import read_filters
from portico_ldap.protocol.distinguished_names import parts
from portico_ldap.protocol.filters import ATTRIBUTE
from portico_ldap.schemas import MASK, LdapServer, LdapState
from portico_ldap.server import LdapServerConfig, TLSContexts, server_of
from portico_ldap.settings import LdapSettings

log = structlog.get_logger("portico.ldap")

STORED_NAME = "app_password"
# Associated data of the encryption: never change it.
ENCRYPTION_CONTEXT = f"ldap:{STORED_NAME}"
#: Fields of the form that must not be empty, in the order of their errors.
REQUIRED_FIELDS = (
    "label", "host", "attribute_for_mail", "attribute_for_username", "app_dn", "app_dn_password", "search_base",
)  # fmt: skip
#: Settings that decide to which server, and how safely, the password is sent.
DESTINATION_FIELDS = (
    "host",
    "port",
    "use_tls",
    "start_tls",
    "validate_cert",
    "ca_cert_file",
    "ciphers",
)
SEND_AGAIN = (
    "[ERROR: Send app_dn_password again: it would be sent to another server, or less safely]"
)

#: Settings with another name in the form.
_FORM_NAMES = {"search_filter": "search_filters", "ca_cert_file": "certificate_path"}

_GET = "SELECT encrypted FROM ldap_secret WHERE name = $1"
_PUT = (
    "INSERT INTO ldap_secret (name, encrypted, updated_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (name) DO UPDATE SET encrypted = excluded.encrypted, updated_at = excluded.updated_at"
)


class LdapConfig:
    """The LDAP settings: from the file or environment, else as an administrator stored them."""

    def __init__(self, app: AppContext, settings: LdapSettings) -> None:
        self._configured = settings
        self._runtime_settings = app.runtime_settings
        self._section = app.runtime_settings.section(LdapSettings)
        self._encryptor = app.encryptor
        app.runtime_settings.add_reader(LdapSettings, self._read)

    async def current(self) -> LdapSettings:
        """Return all settings but the password."""
        return await self._section.current()

    @property
    def cached(self) -> LdapSettings:
        """The result of the last call of `current`."""
        return self._section.cached

    async def server(self) -> LdapServerConfig:
        """Return the LDAP server with its password. Raises: InvalidRequest for an invalid host."""
        settings = await self.current()
        try:
            return server_of(settings, await self._password())
        except ValueError as error:
            raise InvalidRequest(f"[ERROR: {error}]") from error

    async def state(self) -> LdapState:
        """Return whether sign-in with LDAP is enabled."""
        return LdapState(enable=(await self.current()).enable)

    async def set_enabled(self, enabled: bool, by: str) -> LdapState:
        """Enable or disable sign-in with LDAP."""
        await self._runtime_settings.change({"ENABLE_LDAP": enabled}, by)
        return await self.state()

    async def describe(self) -> LdapServer:
        """Return the LDAP server as administrators see it."""
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
        """Store another LDAP server. Raises: InvalidRequest with the field, also for a pinned one."""
        before = await self.current()
        wanted = _fields(form, before)
        for name in self._section.pinned & wanted.keys():
            if wanted[name] != getattr(before, name):
                raise InvalidRequest(f"[ERROR: {_FORM_NAMES.get(name, name)}: {PINNED}]")
        if STORED_NAME in self._section.pinned and form.app_dn_password not in (
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
        keeps_password = form.app_dn_password == MASK or STORED_NAME in self._section.pinned
        destination_changes = any(
            getattr(before, name) != wanted[name] for name in DESTINATION_FIELDS
        )
        if keeps_password and destination_changes and await self._password():
            # An administrator who changes the server must not learn the password by it.
            raise InvalidRequest(SEND_AGAIN)
        async with transaction():
            await self._runtime_settings.change(_variables(wanted, self._section.fields), by)
            if not keeps_password:
                await self._store_password(form.app_dn_password)
        return await self.describe()

    async def _read(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Check the settings of an import, or of an earlier change. Raises: InvalidRequest."""
        before = await self.current()
        values = {name: getattr(before, name) for name in before.__struct_fields__}
        changed = set()
        for name, field in self._section.fields.items():
            value = given.get(field.variables[0], values[name])
            if value is UNSET:
                values[name] = getattr(self._configured, name)
            elif value != values[name]:
                values[name] = value
                changed.add(name)
        after = LdapSettings(**values)
        if "search_base" in changed and parts(after.search_base) is None:
            raise InvalidRequest("[ERROR: LDAP_SEARCH_BASE: it is not a distinguished name]")
        for name in changed & {"attribute_for_mail", "attribute_for_username"}:
            if not ATTRIBUTE.fullmatch(values[name]):
                raise InvalidRequest(f"[ERROR: {name} is not the name of an attribute]")
        if changed:
            check_usable(after)
        if changed & set(DESTINATION_FIELDS) and await self._password():
            # Back to what the operator has configured is allowed: no administrator has chosen that server.
            raise InvalidRequest(
                "[ERROR: LDAP: with these settings its password would be sent to another server, or less safely. Change "
                "the server in its own form, with the password]"
            )
        return given

    async def _store_password(self, password: str) -> None:
        if password == await self._password():
            return
        await execute(
            _PUT, STORED_NAME, self._encryptor.encrypt(password, ENCRYPTION_CONTEXT), now()
        )
        await record_change("setting.changed", "settings", "LDAP_APP_PASSWORD")

    async def _password(self) -> str:
        """Return the password; empty if there is none or the encryption key for it is missing."""
        if STORED_NAME in self._section.pinned:
            return self._configured.app_password.reveal()
        found = await fetch_one(_GET, STORED_NAME)
        try:
            return self._encryptor.decrypt(found["encrypted"], ENCRYPTION_CONTEXT) if found else ""
        except DecryptionError as error:
            log.warning("LDAP password cannot be decrypted", why=str(error))
            return ""


def _fields(form: LdapServer, before: LdapSettings) -> dict[str, Any]:
    """Return the settings of a form."""
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
    """Raises: InvalidRequest with the first invalid field."""
    for name in REQUIRED_FIELDS:
        if not getattr(form, name).strip():
            raise InvalidRequest(f"Required field {name} is empty")
    for name in form.__struct_fields__:
        if "\x00" in str(getattr(form, name)):
            raise InvalidRequest(f"[ERROR: {name} contains a NUL character]")
    for name in ("attribute_for_mail", "attribute_for_username"):
        if not ATTRIBUTE.fullmatch(getattr(form, name)):
            raise InvalidRequest(f"[ERROR: {name} is not the name of an attribute]")
    if parts(settings.search_base) is None:
        raise InvalidRequest("[ERROR: search_base is not a distinguished name]")
    check_usable(settings)


def check_usable(settings: LdapSettings) -> None:
    """Raises: InvalidRequest for an invalid filter, host or list of ciphers."""
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


def settings_fault(settings: LdapSettings) -> str:
    """Return why the operator's settings cannot work, as a sentence; empty if they can."""
    try:
        read_filters(settings.search_filter)
    except ValueError as error:
        return f"plugins.ldap.search_filter (LDAP_SEARCH_FILTER): {error}"
    try:
        server = server_of(settings, "")
    except ValueError as error:
        return f"plugins.ldap.host (LDAP_SERVER_HOST): {error}"
    if server.encryption == "none":
        return ""
    try:
        TLSContexts().of(settings)
    except InvalidRequest as error:
        why = str(error.__cause__ or error)
        return f"plugins.ldap.ca_cert_file or ciphers (LDAP_CA_CERT_FILE, LDAP_CIPHERS): {why}"
    return ""
