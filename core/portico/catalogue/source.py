"""Model sources: the protocol between Portico and the upstreams that offer models.

A source is an object with two methods. It lists its models as cards, and it completes: it takes one OpenAI-style
request and answers with bytes, whole or as a stream of server-sent events. The bytes are passed on unchanged, so a
source that is a proxy costs no more than a proxy.
"""

from collections.abc import AsyncIterator, Mapping, Sequence, Set
from typing import Any, Final, Literal, Protocol, get_args, runtime_checkable

import msgspec

from portico.identity import Actor

JSON_MEDIA_TYPE = "application/json"
EVENT_STREAM = "text/event-stream"
#: What a model is asked for: the endpoints of OpenAI's API, and `messages` of Anthropic's.
Operation = Literal["chat", "embeddings", "responses", "messages"]
OPERATIONS: Final[frozenset[Operation]] = frozenset(get_args(Operation))
_CHATS: Final[Set[str]] = frozenset({"chat"})
#: Presets in one chain of base models. The catalogue ignores the rest of a longer chain.
MAX_CHAIN_LENGTH = 8


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """One model as its source offers it.

    `id`: the value of `model` in requests; unique in its source. `created`: epoch seconds.
    `details`: further keys of the entry in `GET /api/models`, e.g. `{"openai": {…}, "urlIdx": 0}`.
    `public`: all approved users may use it; else administrators only, unless a workspace record shares it.
    """

    id: str
    name: str
    owned_by: str
    created: int = 0
    connection_type: str = "external"
    tags: Sequence[str] = ()
    details: Mapping[str, Any] = {}
    public: bool = False


class AddedFiles(msgspec.Struct, frozen=True):
    """Files that a model gets although a request does not name them.

    `folder_file_ids`: of the folder that the chat is in. `knowledge`, `owner_id`: as in `ResolvedModel`.
    """

    folder_file_ids: Sequence[str] = ()
    knowledge: Sequence[msgspec.Raw] = ()
    owner_id: str | None = None


class SourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a source. `operation`: the endpoint whose body it has.

    `model`: the id as its source listed it. `body`: the client's request without Portico's own keys and without
    `model`; values are raw JSON, so unchanged ones are passed on byte for byte. System prompts are already in
    `messages`. `params`: the parameters of the model's record and of the chat, decoded and merged; the source
    translates them into the provider's names, and they override the body. `added_files`: those that the
    request does not name, for filters. `options`: the keys of the client's request in
    `FILTER_OPTIONS`, raw, for filters; no source sends them.
    """

    model: str
    body: Mapping[str, msgspec.Raw]
    params: Mapping[str, Any]
    stream: bool
    actor: Actor
    chat_id: str | None = None
    added_files: AddedFiles | None = None
    operation: Operation = "chat"
    options: Mapping[str, msgspec.Raw] = {}


class SourceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The response of a source: `bytes`, or an iterator of byte blocks, closed when the client disconnects.

    `headers`: only those that a client of any provider should get, such as `retry-after`. `hides_usage`: the source asked
    the provider for an event with the usage, and the client did not; the gateway reads it and leaves it out.
    """

    body: bytes | AsyncIterator[bytes]
    status: int = 200
    content_type: str = JSON_MEDIA_TYPE
    headers: Mapping[str, str] = {}
    hides_usage: bool = False


async def close_body(body: object) -> None:
    """Close the iterator of a response, so that it frees what it uses; a body that is not one needs nothing."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()


@runtime_checkable
class ModelSource(Protocol):
    """An upstream that offers models.

    It answers chats, and the further operations in its attribute `operations`, if it has one (a set of `Operation`).
    Where several sources offer a model, those with the smallest `order` (default 0) are asked first, and one of them with
    the `weight` 2.0 gets twice as many calls as one with 1.0, the default; both attributes are optional too, and all three are read once.

    Both methods raise `SourceFailed`, `SourceTimedOut` or `RateLimited` with a sentence for clients: it names the source,
    never its address or API key. Then another source may be asked. What concerns the request is a response with the status 400, 404, 413
    or 422. The source sets its own time limits; Portico adds one around `list_models`.

    When the client disconnects, `complete` is cancelled and its stream closed. Since a source may ignore that, each call runs in
    a task of its own, which is left alone after a second. A source whose `ends_promptly` is True, such as one that is built
    on `SourceClient`, needs no such task, which makes its streams faster.
    """

    name: str

    async def list_models(self) -> Sequence[ModelCard]:
        """Return the models that are offered now, in the order of the model list."""
        ...

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one request. Cancelled when the client disconnects."""
        ...


def operations_of(source: ModelSource) -> Set[str]:
    """Return what a source answers: what it declares, else chats."""
    found: Set[str] = getattr(source, "operations", _CHATS)
    return found


@runtime_checkable
class SourceProvider(Protocol):
    """The sources of a plugin that change while the server runs, such as connections that administrators edit."""

    async def current_sources(self) -> Sequence[ModelSource]:
        """Return the sources that there are now, in the order of the model list.

        Called before each use of the catalogue, so it is quick, and returns the same object while nothing has changed.
        A source that stays must be the same object too: then it keeps its list of models.
        """
        ...


class WorkspaceModel(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the workspace: a preset (`base_model_id` set) or an override of a source's model.

    `params`, `meta`, `access_control`: JSON as a client sends it (`access_control` null = everyone reads).
    Times: epoch seconds.
    """

    id: str
    owner_id: str
    base_model_id: str | None
    name: str
    params: msgspec.Raw
    meta: msgspec.Raw
    access_control: msgspec.Raw
    is_active: bool
    updated_at: int
    created_at: int


class WorkspaceModels(Protocol):
    """The service that provides the workspace's records. The models plugin offers it."""

    async def revision(self) -> int:
        """Return a number that grows with every change of any record, on every instance. Called on each request."""
        ...

    async def all(self) -> Sequence[WorkspaceModel]:
        """Return every record, oldest first."""
        ...

    async def since(self, revision: int) -> Mapping[str, WorkspaceModel | None] | None:
        """Return the records changed after a revision, by id; None in the place of a deleted one.

        Returns None if the changes are not stored any more: then call `all`.
        """
        ...

    async def is_mentioned(self, text: str) -> bool:
        """Return whether `meta` of a record contains this text, such as the id of a file. Reads all of them."""
        ...
