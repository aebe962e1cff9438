"""Calls models: filters, the choice of a source, and how each call ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Literal

from portico.catalogue import (
    OPERATIONS,
    ModelSource,
    Operation,
    ResolvedModel,
    SourceRequest,
    SourceResponse,
    close_body,
    error_in,
)
from portico.db import new_id
from portico.gateway.account_objects import refuse_account_objects
from portico.gateway.announced_keys import with_keys
from portico.gateway.call import GatewayCall, GatewayResponse
from portico.gateway.call_ending import CallEnding
from portico.gateway.filter_set import FilterSet, LogFailure, OwnedFilter
from portico.gateway.model_filter import ModelFilter
from portico.gateway.routed_source import SourceActivity
from portico.gateway.router import Router
from portico.gateway.stream import CallStream, Outlet
from portico.gateway.stream_editors import Editors
from portico.gateway.stream_without_usage import StreamWithoutUsage
from portico.gateway.text_codecs import TextCodec

#: For which answers the caller runs the outlets itself, because it stores the text of the reply.
Deferral = Literal["none", "streams", "all"]


class Gateway:
    """Sends calls to the sources of models, through the filters of all plugins.

    Without a filter the bytes of the source pass untouched. `log_failure`: how an exception of a filter is logged.
    """

    def __init__(self, router: Router, log_failure: LogFailure) -> None:
        self._router, self._log_failure = router, log_failure
        self._filters: list[OwnedFilter] = []
        self._sets = self._built_sets()

    def add_filters(self, plugin: str, filters: Sequence[ModelFilter]) -> None:
        """Add the filters of a plugin."""
        self._filters += [OwnedFilter(plugin, one) for one in filters]
        self._sets = self._built_sets()

    def remove_filters(self, plugin: str) -> None:
        """Remove the filters of a plugin. Calls that have begun keep them."""
        self._filters = [one for one in self._filters if one.plugin != plugin]
        self._sets = self._built_sets()

    def activity(self, source: ModelSource) -> SourceActivity:
        """Return what a source is doing in this process."""
        return self._router.activity(source)

    def allow_probe(self, source: ModelSource) -> None:
        """Send the next call to a source even if it failed before: it was seen to work."""
        self._router.allow_probe(source)

    async def send(
        self, target: ResolvedModel, request: SourceRequest, *, deferred: Deferral = "none"
    ) -> GatewayResponse:
        """Return the response of a source of the model, after the filters. Close its body if it is a stream.

        Does not check access: `Catalogue.resolve` has. `deferred`: the answers whose `outlet` the caller calls.
        Raises: the domain error of a filter that refuses the call; all errors of the source.
        """
        if not request.actor.is_admin:
            refuse_account_objects(request)
        call = GatewayCall(id=new_id(), target=target, request=request)
        response = await self._send(call, deferred)
        return with_keys(response, call.announced) if call.announced else response

    async def _send(self, call: GatewayCall, deferred: Deferral) -> GatewayResponse:
        filters = self._sets[call.request.operation]
        if not filters:
            return _with_body(response := await self._router.send(call), response.body)
        ending, is_asked = CallEnding(call, filters), False
        try:
            await filters.inlet(call)
            is_asked = True
            response = await self._router.send(call)
        except BaseException as error:
            ending.fail(error, "failed" if is_asked else "refused")
            raise
        ending.begin_answer(is_stream=not isinstance(response.body, bytes))
        outlet = partial(filters.outlet, call) if filters.outlets else None
        try:
            editors = Editors(call, filters, ending.codec)
            if isinstance(response.body, bytes):
                return await _whole(ending, editors, response, outlet, deferred)
        except BaseException as error:
            ending.fail(error)
            await close_body(response.body)
            raise
        if deferred != "none":
            stream = CallStream(response.body, editors, ending, None)
            return _with_body(response, stream, outlet)
        return _with_body(response, CallStream(response.body, editors, ending, outlet))

    def _built_sets(self) -> Mapping[Operation, FilterSet]:
        return {
            operation: FilterSet(
                [one for one in self._filters if operation in one.filter.operations],
                self._log_failure,
            )
            for operation in OPERATIONS
        }


async def _whole(
    ending: CallEnding,
    editors: Editors,
    response: SourceResponse,
    outlet: Outlet | None,
    deferred: Deferral,
) -> GatewayResponse:
    """Return a response that is not streamed, edited."""
    body = response.body
    assert isinstance(body, bytes)
    if (error := error_in(response)) is not None:
        ending("failed", error)
        return _with_body(response, body)
    ending.usage.feed_whole(body)
    body = editors.edit_whole(body)
    if outlet is not None and deferred != "all":
        body = await _with_outlet(body, outlet, ending.codec)
        outlet = None
    ending("completed")
    return _with_body(response, body, outlet)


async def _with_outlet(body: bytes, outlet: Outlet, codec: TextCodec) -> bytes:
    """Return an answer with the text that the outlets return for its first choice."""
    parts = [part for part in codec.read_whole(body) if part.is_first]
    if not parts:
        return body
    whole = "".join(part.text for part in parts)
    text = await outlet(whole)
    if text == whole:
        return body
    rest = dict.fromkeys((part.choice for part in parts), "")
    return codec.write_whole(body, {**rest, parts[0].choice: text})


def _with_body(
    response: SourceResponse, body: bytes | AsyncIterator[bytes], outlet: Outlet | None = None
) -> GatewayResponse:
    if response.hides_usage and not isinstance(body, bytes):
        body = StreamWithoutUsage(body)
    return GatewayResponse(
        body=body,
        status=response.status,
        content_type=response.content_type,
        headers=response.headers,
        outlet=outlet,
    )
