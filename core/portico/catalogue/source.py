"""What a model source is: the protocol between Portico and whoever has models to offer.

A source is an object with two methods. It lists its models as cards, and it completes: it takes one OpenAI-style
request and answers with bytes, whole or as a stream of server-sent events. Bytes go through untouched unless
somebody asks for more, so a source that proxies costs no more than a proxy.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from portico.identity import Actor

JSON_MEDIA_TYPE = "application/json"
EVENT_STREAM = "text/event-stream"


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """One model as its source offers it.

    `id`: what a client puts into `model`; unique in its source. `created`: epoch seconds.
    `details`: further keys of the entry in `GET /api/models`, e.g. `{"openai": {…}, "urlIdx": 0}`.
    `public`: everybody who is verified may use it; else administrators only, until a workspace model says more.
    """

    id: str
    name: str
    owned_by: str
    created: int = 0
    connection_type: str = "external"
    tags: Sequence[str] = ()
    details: Mapping[str, Any] = {}
    public: bool = False


class SourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One turn to be completed.

    `model`: the id as its source listed it. `body`: the client's request without the keys that are Portico's
    own, `model` included; values are raw JSON, so what nobody touches is passed on byte for byte. System
    prompts are already in `messages`. `params`: what the model's record and the chat ask for, decoded and
    merged, to be laid over the body in the provider's own vocabulary.
    """

    model: str
    body: Mapping[str, msgspec.Raw]
    params: Mapping[str, Any]
    stream: bool
    actor: Actor
    chat_id: str | None = None


class SourceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What a source answers: `bytes`, or an iterator of byte blocks that is closed when the client leaves.

    `headers`: only what a client of any provider should see, such as `retry-after`.
    """

    body: bytes | AsyncIterator[bytes]
    status: int = 200
    content_type: str = JSON_MEDIA_TYPE
    headers: Mapping[str, str] = {}


@runtime_checkable
class ModelSource(Protocol):
    """Whoever has models to offer.

    Both methods raise `SourceFailed` or `SourceTimedOut` with a sentence that is fit for a client: it names the
    source, never its address or key. Time limits are the source's own; Portico adds one around `list_models`.
    """

    name: str

    async def list_models(self) -> Sequence[ModelCard]:
        """The models there are now. The order is kept."""
        ...

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        """Answer one turn. Cancelled when the client is gone."""
        ...


class WorkspaceModel(msgspec.Struct, frozen=True, kw_only=True):
    """A record kept by the workspace: a preset (`base_model_id` set) or an override of a source's model.

    `params`, `meta`, `access_control`: JSON as a client sends it (`access_control` null = everybody reads).
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
    """The service that lays the workspace's records over what sources offer. Offered by the models plugin."""

    async def revision(self) -> int:
        """Grows with every change of any record, on every instance. Cheap: asked on each request."""
        ...

    async def all(self) -> Sequence[WorkspaceModel]:
        """Every record, oldest first."""
        ...

    async def since(self, revision: int) -> Mapping[str, WorkspaceModel | None] | None:
        """What has changed after a revision, by id; None in the place of a record that is gone.

        None instead of all that if it is not known any more: then ask for all.
        """
        ...
