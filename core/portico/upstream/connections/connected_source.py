"""What every source that is one connection has."""

from typing import Generic, Protocol, TypeVar

from portico.upstream.connections.source_options import SourceOptions


class NamedConnection(Protocol):
    """A connection that has a name."""

    @property
    def name(self) -> str:
        """The name, which no other source has."""
        ...

    @property
    def options(self) -> SourceOptions:
        """The options."""
        ...


ConnectionT = TypeVar("ConnectionT", bound=NamedConnection)


class ConnectedSource(Generic[ConnectionT]):
    """Base class of a `ModelSource` for one connection, with what the router reads of it.

    `weight`, `order`: how requests are spread over sources with the same model.
    """

    ends_promptly = True

    def __init__(self, connection: ConnectionT) -> None:
        self.name = connection.name
        self.connection = connection
        self.weight = connection.options.weight
        self.order = connection.options.order
