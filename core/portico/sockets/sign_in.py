"""Signs accounts in on sockets, by a session token in the connect packet or in the event `user-join`."""

from collections.abc import Callable

import msgspec

from portico.errors import INVALID_TOKEN, RateLimited, Unauthenticated
from portico.identity import Actor, Identity
from portico.sockets.connection import Connection, SignedIn
from portico.sockets.registry import (
    RETRY_AFTER_SECONDS,
    TOO_MANY_SOCKETS,
    ConnectionRegistry,
)


class ConnectAuth(msgspec.Struct, frozen=True):
    """The payload of a connect packet. Tokens of API keys and cookies are not accepted."""

    token: str


class UserJoin(msgspec.Struct, frozen=True):
    """The payload of `user-join`."""

    auth: ConnectAuth


class JoinedUser(msgspec.Struct, frozen=True):
    """The acknowledgement of `user-join`."""

    id: str
    name: str


class SocketSignIn:
    """Signs in on the connections of one application, and ends them with their session."""

    def __init__(self, identity: Identity, registry: ConnectionRegistry) -> None:
        self._identity, self._registry = identity, registry

    async def actor_of(self, connection: Connection, token: str) -> Actor | None:
        """Return the account of a session token; None if it is not valid, or the account is not approved yet."""
        actor = await self._identity.auth.actor_of_token(token, connection.handshake)
        return actor if actor is not None and actor.is_verified else None

    async def current_actor(self, connection: Connection) -> Actor | None:
        """Return the account that is signed in on a connection, with its present rights; None if there is none now."""
        signed_in = connection.signed_in
        return None if signed_in is None else await self.actor_of(connection, signed_in.token)

    async def join(self, connection: Connection, payload: UserJoin) -> JoinedUser:
        """Sign in by `user-join`. Raises: Unauthenticated, RateLimited, Unavailable."""
        token = payload.auth.token
        actor = await self.actor_of(connection, token)
        if actor is None:
            raise Unauthenticated(INVALID_TOKEN)
        self.admit(connection, actor, token)
        return JoinedUser(actor.id, actor.name)

    def admit(self, connection: Connection, actor: Actor, token: str) -> None:
        """Sign in an account that was just authenticated. Raises: RateLimited if it has too many sockets."""
        if connection.is_over:
            return
        if not connection.is_owned_by(actor.id) and self._registry.is_full(actor.id):
            raise RateLimited(RETRY_AFTER_SECONDS, TOO_MANY_SOCKETS)
        self.note_seen(actor)
        if connection.signed_in is not None and connection.signed_in.session_id == actor.session_id:
            return
        self._registry.sign_in(connection, SignedIn(actor.id, actor.session_id, token))
        connection.on_end.enter_context(
            self._identity.live_connections.track(actor, self._ender(connection, actor.session_id))
        )

    def note_seen(self, actor: Actor) -> None:
        """Note that an account and its session were seen now, as each request does."""
        self._identity.presence.touch(actor.id)
        self._identity.session_presence.touch(actor.session_id)

    def _ender(self, connection: Connection, session_id: str) -> Callable[[], None]:
        def end() -> None:
            # After another `user-join`, the socket belongs to another session.
            if connection.signed_in is not None and connection.signed_in.session_id == session_id:
                self._registry.end(connection, flush=False)

        return end
