"""The auth provider of single-user mode: every sign-in is that of the one user."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Literal

from portico.api import AppContext, Forbidden, InvalidRequest, OperatorError
from portico.api.auth import Account, ProvisioningRules
from portico.api.db import transaction
from portico.api.messages import ACTION_PROHIBITED
from portico_single_user.settings import SingleUserSettings

EMAIL = "admin@localhost"
NAME = "User"


class AccountsExist(InvalidRequest):
    """There are accounts, but not that of single-user mode."""

    default = (
        "You can't turn off authentication because there are existing users. If you want to disable WEBUI_AUTH, "
        "make sure your web interface doesn't have any existing users and is a fresh installation."
    )


class SingleUserProvider:
    """The auth provider `single_user`. The account has no password, so it cannot sign in outside single-user mode."""

    name = "single_user"
    label = "Single user"
    kind: Literal["none"] = "none"
    provisioning_rules = ProvisioningRules()

    def __init__(self, app: AppContext, settings: SingleUserSettings) -> None:
        self._accounts = app.identity.accounts
        self._allow_remote = settings.allow_remote

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the request. The body is ignored."""
        return scope

    async def authenticate(self, attempt: Mapping[str, Any]) -> Account:
        """Return the account of the one user; create it if there are no accounts.

        Raises: AccountsExist; Forbidden for a request from another machine, or from a page of another site.
        """
        if not self._allow_remote and not _is_local_request(attempt):
            raise Forbidden(ACTION_PROHIBITED)
        account = await self._accounts.by_email(EMAIL)
        return account or await self._create_account()

    async def _create_account(self) -> Account:
        try:
            return await self._accounts.create(
                name=NAME, email=EMAIL, password_hash=None, only_if_first=True
            )
        except (Forbidden, InvalidRequest) as error:
            # A second request created the account at the same time; a transaction sees it before the commit.
            async with transaction():
                account = await self._accounts.by_email(EMAIL)
            if account is None:
                raise AccountsExist from error
            return account


def check_listens_locally(app: AppContext) -> None:
    """Raise OperatorError if other machines can reach the server."""
    server = app.settings.server
    host = server.host
    if not server.unix_socket and not is_loopback(host):
        raise OperatorError(
            f"without sign-in (WEBUI_AUTH=false), every user who reaches {host} would be the administrator; "
            "listen on 127.0.0.1, or set plugins.single_user.allow_remote = true (PORTICO_SINGLE_USER_ALLOW_REMOTE)"
        )


def is_loopback(host: str) -> bool:
    """Return whether this is a name or an address of the machine itself."""
    host = host.strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _is_local_request(scope: Mapping[str, Any]) -> bool:
    """Return whether a request comes from this machine, and was sent to one of its names.

    The host name is checked too: the name of another site can resolve to this machine, and its pages would be signed in
    by the user's browser.
    """
    client = scope.get("client")
    if client is not None and not is_loopback(client[0]):
        return False
    headers = dict(scope["headers"])
    if headers.get(b"sec-fetch-site") == b"cross-site":
        return False
    host = headers.get(b"host", b"localhost").decode("latin-1")
    name = host.partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name)
