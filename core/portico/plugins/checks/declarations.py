"""Checks each thing that a hook returns, before it is used: a mistake is said at load, not when the first request fails."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import click
import msgspec
from piccolo.table import Table

from portico.catalogue import OPERATIONS
from portico.catalogue.source import ModelSource
from portico.db import EncryptedColumn, Reference
from portico.identity import SESSION_CREDENTIAL, ProviderKind
from portico.permissions import ResourceKind
from portico.plugins.checks.function_shapes import check_function
from portico.plugins.faults import DeclarationFault

#: How session tokens begin, which are JWTs. A prefix of other tokens is no beginning of it.
SESSION_PREFIX: Final = "eyJ"
_PROVIDER_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_KINDS: Final[tuple[str, ...]] = get_args(ProviderKind)
_OPTIONS_OF_ALL_FORMATS: Final = {"source", "dry_run", "report", "link_accounts", "keep_admins"}


def check_declaration(hook: str, thing: Any) -> None:
    """Check one thing that a hook returned, which has the right type. Raises: DeclarationFault."""
    if check := _CHECKS.get(hook):
        check(thing)


def missing_members(thing: object, kinds: Iterable[type[Any]]) -> str:
    """Return what an object lacks to be of the first of these protocols, for a sentence; empty = they are classes."""
    kind = next(iter(kinds))
    if not getattr(kind, "_is_protocol", False):
        return ""
    missing = [name for name in _members(kind) if not hasattr(thing, name)]
    return f" without {', '.join(missing)}" if missing else ""


def _members(protocol: type[Any]) -> list[str]:
    """Return what an object needs to be of a protocol."""
    found: dict[str, None] = {}
    for kind in protocol.__mro__:
        if getattr(kind, "_is_protocol", False) and kind.__name__ not in ("Protocol", "Generic"):
            names = [*kind.__dict__.get("__annotations__", {}), *vars(kind)]
            found |= dict.fromkeys(name for name in names if not name.startswith("_"))
    return list(found)


def _fault(reason: str, culprit: Any = None) -> DeclarationFault:
    return DeclarationFault(reason, culprit)


def _check_text(
    what: str, value: object, culprit: Any = None, *, may_be_empty: bool = False
) -> None:
    if not isinstance(value, str) or not (may_be_empty or value.strip()):
        raise _fault(f"{what} is {value!r}; write a text that is not empty", culprit)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _fault(
            f"{what} is {value!r}, which UTF-8 does not have; write other characters", culprit
        )


def _check_switch(what: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _fault(f"{what} is {value!r}; write True or False")


def _check_seconds(what: str, value: object) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise _fault(f"{what} is {value!r}; write a number of seconds that is greater than 0")


#: Of a store of contents, with their arguments.
_STORE_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "start": (),
    "exists": ("key",),
    "delete": ("key",),
    "close": (),
}

# -- one check for each hook --------------------------------------------------------------------------------


def _check_tables(tables: Any) -> None:
    if not isinstance(tables.tables, tuple | list):
        raise _fault(f"tables={tables.tables!r}; write a tuple, (MyTable,)")
    for table in tables.tables:
        if not (isinstance(table, type) and issubclass(table, Table)):
            raise _fault(f"tables has {table!r}; each is a subclass of piccolo.table.Table", table)
    for name, kind in (("encrypted_columns", EncryptedColumn), ("references", Reference)):
        values = getattr(tables, name)
        if not isinstance(values, tuple | list) or not all(isinstance(v, kind) for v in values):
            raise _fault(f"{name}={values!r}; write a tuple of {kind.__name__}(…)")
    if not all(
        isinstance(one, tuple) and len(one) == 2 and all(isinstance(word, str) for word in one)
        for one in tables.revisions
    ):
        raise _fault(
            f"revisions={tables.revisions!r}; write a tuple of pairs, (('acme_note', 'revision'),)"
        )
    if not isinstance(tables.migrations, str) or not tables.migrations:
        raise _fault(
            f"migrations={tables.migrations!r}; write the name of a package, such as 'acme_notes.migrations'"
        )


def _check_retention(one: Any) -> None:
    _check_text("table of a Retention", one.table)
    _check_text(f"column of the Retention of {one.table!r}", one.column)
    if one.days is not None and (not isinstance(one.days, int) or one.days < 0):
        raise _fault(
            f"days of the Retention of {one.table!r} is {one.days!r}; write a number or None"
        )


def _check_stored_contents(one: Any) -> None:
    for name in ("name", "table", "key", "size"):
        _check_text(f"{name} of a StoredContents", getattr(one, name))
    for method, arguments in _STORE_METHODS.items():
        what = f"{method} of the store of {one.name!r}"
        check_function(what, getattr(one.store, method, None), *arguments, is_async=True)


def _check_database_check(one: Any) -> None:
    _check_text("name of a DatabaseCheck", one.name)
    check_function(f"find of the check {one.name!r}", one.find, is_async=True)
    if one.repair is not None:
        check_function(f"repair of the check {one.name!r}", one.repair, is_async=True)


def _check_resource_kind(kind: ResourceKind) -> None:
    if not (isinstance(kind.name, str) and _WORD.fullmatch(kind.name)):
        raise _fault(f"the resource kind {kind.name!r} needs a lower-case word as its name")
    for name in ("table", "id", "owner"):
        if not isinstance(getattr(kind, name), str):
            raise _fault(
                f"{name} of the resource kind {kind.name!r} is no text; write the name of the "
                + ("table, or '' if it has none" if name == "table" else "column")
            )
    for name in ("actions", "collection_actions", "required_for_admins"):
        _check_actions(f"{name} of the resource kind {kind.name!r}", getattr(kind, name))
    if unknown := sorted(set(kind.required_for_admins) - set(kind.all_actions)):
        raise _fault(
            f"required_for_admins of the resource kind {kind.name!r} has {unknown[0]!r}, which is none of its actions"
        )
    if not kind.all_actions:
        raise _fault(f"the resource kind {kind.name!r} has no actions; name at least one")


def _check_actions(what: str, actions: object) -> None:
    if isinstance(actions, str) or not isinstance(actions, Sequence):
        raise _fault(f"{what} is {actions!r}; write a tuple of words, ('read', 'write')")
    for action in actions:
        if not (isinstance(action, str) and _WORD.fullmatch(action)):
            raise _fault(f"{what} has {action!r}; an action is a lower-case word")


def _check_policy(policy: Any) -> None:
    for name in type(policy).__slots__:
        value = getattr(policy, name)
        if not isinstance(value, str) or not (value or name == "origin"):
            raise _fault(f"{name} of a {type(policy).__name__} is {value!r}; write a text")


def _check_service(service: Any) -> None:
    if not isinstance(service.protocol, type):
        raise _fault(f"the protocol of a Service is {service.protocol!r}; write a class")
    name = service.protocol.__name__
    if isinstance(service.instance, type):
        raise _fault(
            f"the Service of {name} has the class {service.instance.__name__}; give an object of it",
            service.instance,
        )
    missing = missing_members(service.instance, (service.protocol,))
    if service.instance is None or missing:
        raise _fault(
            f"the Service of {name} has a {type(service.instance).__name__}{missing}; "
            f"give an object with all that {name} has",
            service.instance,
        )


def _check_source(source: Any) -> None:
    if not isinstance(source, ModelSource):
        check_function("current_sources", source.current_sources, is_async=True)
        return
    _check_text("name of a model source", source.name, source)
    what = f"of the model source {source.name!r}"
    check_function(f"list_models {what}", source.list_models, is_async=True)
    check_function(f"complete {what}", source.complete, "completion", is_async=True)
    operations = getattr(source, "operations", OPERATIONS)
    if isinstance(operations, str) or not set(operations) <= OPERATIONS:
        raise _fault(
            f"operations {what} is {operations!r}; write a set of {', '.join(sorted(OPERATIONS))}",
            source,
        )
    for name, least in (("order", -math.inf), ("weight", 0)):
        value = getattr(source, name, 1)
        if not isinstance(value, int | float) or not (math.isfinite(value) and value > least):
            raise _fault(
                f"{name} {what} is {value!r}; write a number" + " above 0" * (least == 0), source
            )


def _check_auth_provider(provider: Any) -> None:
    name = provider.name
    if not (isinstance(name, str) and _PROVIDER_NAME.fullmatch(name)):
        raise _fault(
            f"name of an auth provider is {name!r}; write letters, digits and _.-", provider
        )
    _check_text(f"label of the auth provider {name!r}", provider.label, provider)
    if provider.kind not in _KINDS:
        raise _fault(
            f"kind of the auth provider {name!r} is {provider.kind!r}; write one of {', '.join(_KINDS)}",
            provider,
        )
    what = f"of the auth provider {name!r}"
    check_function(f"authenticate {what}", provider.authenticate, "attempt", is_async=True)
    if read := getattr(provider, "read_sign_in", None):
        check_function(f"read_sign_in {what}", read, "body", "scope", is_async=False)


def _check_token_authenticator(one: Any) -> None:
    _check_text("kind of a token authenticator", one.kind, one)
    if one.kind == SESSION_CREDENTIAL:
        raise _fault(
            f"kind of a token authenticator is {one.kind!r}, as that of sessions; write another word",
            one,
        )
    prefix = one.prefix
    if not isinstance(prefix, str) or not prefix or SESSION_PREFIX.startswith(prefix[:3]):
        raise _fault(
            f"prefix of the token authenticator {one.kind!r} is {prefix!r}, with which tokens of sessions begin too; "
            "write one that only its own tokens have, such as 'acme-'",
            one,
        )
    what = f"of the token authenticator {one.kind!r}"
    check_function(f"authenticate {what}", one.authenticate, "token", is_async=True)
    check_function(f"still_valid {what}", one.still_valid, "session_ids", is_async=True)


def _check_listener(listener: Any) -> None:
    if not isinstance(listener.event, type):
        raise _fault(
            f"event of a Listener is {listener.event!r}; write the class of the event",
            listener.handle,
        )
    what = f"the handler of {listener.event.__name__}"
    check_function(what, listener.handle, "event", is_async=None)


def _check_health_check(check: Any) -> None:
    _check_text("name of a HealthCheck", check.name)
    check_function(f"run_check of the health check {check.name!r}", check.run_check, is_async=True)
    _check_seconds(f"limit of the health check {check.name!r}", check.limit)
    _check_switch(f"critical of the health check {check.name!r}", check.critical)


def _check_metric(metric: Any) -> None:
    if metric.kind not in ("counter", "gauge", "histogram"):
        raise _fault(
            f"kind of the metric {metric.name!r} is {metric.kind!r}; write counter, gauge or histogram"
        )
    _check_text(f"description of the metric {metric.name!r}", metric.description)
    _check_switch(f"is_shared of the metric {metric.name!r}", metric.is_shared)
    if isinstance(metric.labels, str) or not isinstance(metric.labels, Sequence):
        raise _fault(f"labels of the metric {metric.name!r} is {metric.labels!r}; write a tuple")
    check_function(f"read of the metric {metric.name!r}", metric.read, is_async=None)


def _check_socket_event(event: Any) -> None:
    _check_text("name of a SocketEvent", event.name)
    what = f"of the socket event {event.name!r}"
    check_function(f"handle {what}", event.handle, "socket", "payload", is_async=True)
    if event.access not in ("verified", "admin"):
        raise _fault(f"access {what} is {event.access!r}; write verified or admin", event.handle)
    try:
        msgspec.json.Decoder(event.payload)
    except TypeError as error:
        raise _fault(
            f"payload {what} is a type that JSON cannot hold: {error}", event.handle
        ) from None


def _check_fault_method(what: str, name: object, thing: Any) -> None:
    """Check a task, an action or a filter, which know themselves what is wrong with them."""
    if reason := thing.fault():
        raise _fault(f"its {what} {name!r} {reason}", getattr(thing, "run", None))


def _check_task(task: Any) -> None:
    _check_fault_method("task", task.name, task)
    check_function(f"run of the task {task.name!r}", task.run, "run", "arguments", is_async=True)


def _check_transfer_kind(kind: Any) -> None:
    name = getattr(kind, "name", None)
    if not (isinstance(name, str) and _WORD.fullmatch(name)):
        raise _fault(f"name of a transfer kind is {name!r}; write a lower-case word", kind)
    if isinstance(kind.after, str) or not all(isinstance(one, str) for one in kind.after):
        raise _fault(
            f"after of the transfer kind {name!r} is {kind.after!r}; write a tuple of names", kind
        )
    what = f"of the transfer kind {name!r}"
    check_function(f"import_batch {what}", kind.import_batch, "records", "run", is_async=True)


def _check_import_format(one: Any) -> None:
    name = getattr(one, "name", None)
    if not (isinstance(name, str) and _WORD.fullmatch(name)):
        raise _fault(f"name of an import format is {name!r}; write a lower-case word", one)
    _check_text(f"summary of the import format {name!r}", getattr(one, "summary", None), one)
    if not all(isinstance(option, click.Option) for option in one.options):
        raise _fault(f"options of the import format {name!r} are not all click options", one)
    if taken := sorted({str(option.name) for option in one.options} & _OPTIONS_OF_ALL_FORMATS):
        raise _fault(f"the import format {name!r} has the option {taken[0]!r}, as all have", one)


def _check_message_action(action: Any) -> None:
    _check_fault_method("message action", action.id, action)
    for name in ("name", "description", "icon"):
        what = f"{name} of the message action {action.id!r}"
        _check_text(what, getattr(action, name), may_be_empty=name != "name")
    _check_switch(f"is_global of the message action {action.id!r}", action.is_global)
    check_function(f"run of the action {action.id!r}", action.run, "request", is_async=True)


def _check_model_filter(one: Any) -> None:
    _check_fault_method("model filter", one.name, one)
    callbacks = {
        "inlet": (("call",), True),
        "outlet": (("call", "text"), True),
        "ended": (("call", "result"), False),
        "edit_blocks": (("call",), False),
        "edit_events": (("call",), False),
        "edit_text": (("call",), False),
    }
    for name, (arguments, is_async) in callbacks.items():
        if (callback := getattr(one, name)) is not None:
            what = f"{name} of the model filter {one.name!r}"
            check_function(what, callback, *arguments, is_async=is_async)


def _check_fallback(one: Any) -> None:
    if not isinstance(one.prefix, str):
        raise _fault(f"prefix of a Fallback is {one.prefix!r}; write a path, such as '/static'")
    policy = one.content_policy
    if policy is not None and not (isinstance(policy, str) and policy.isascii()):
        raise _fault(
            f"content_policy of the fallback {one.prefix!r} is {policy!r}; write a text in ASCII"
        )
    what = f"respond of the fallback {one.prefix!r}"
    check_function(what, one.respond, "scope", "path", is_async=True)


_CHECKS: Final[Mapping[str, Callable[[Any], None]]] = {
    "register_tables": _check_tables,
    "register_retention": _check_retention,
    "register_stored_contents": _check_stored_contents,
    "register_database_checks": _check_database_check,
    "register_resources": _check_resource_kind,
    "register_policies": _check_policy,
    "register_services": _check_service,
    "register_model_sources": _check_source,
    "register_model_filters": _check_model_filter,
    "register_message_actions": _check_message_action,
    "register_auth_providers": _check_auth_provider,
    "register_token_authenticators": _check_token_authenticator,
    "register_listeners": _check_listener,
    "register_health_checks": _check_health_check,
    "register_metrics": _check_metric,
    "register_socket_events": _check_socket_event,
    "register_tasks": _check_task,
    "register_transfer_kinds": _check_transfer_kind,
    "register_import_formats": _check_import_format,
    "register_fallbacks": _check_fallback,
}
