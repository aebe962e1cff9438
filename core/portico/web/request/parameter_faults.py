"""Faults of the parameters of a request: those of the query, the path, headers and cookies.

They are `{type, loc, msg}` as FastAPI has them: `{"type": "int_parsing", "loc": ["query", "page"], "msg": …}`. All of a
request are reported at once, by the name that the client uses, and none quotes what was sent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Final, Literal, cast, get_args, get_origin

import msgspec
from litestar._kwargs import KwargsModel
from litestar._kwargs.extractors import parse_connection_query_params
from litestar._kwargs.parameter_definition import ParameterDefinition
from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.routes import WebSocketRoute

from portico.errors import fault

_Connection = ASGIConnection[Any, Any, Any, Any]


def parameter_faults(connection: _Connection, error: ValidationException) -> list[dict[str, Any]]:
    """Return the faults of the request that Litestar refused with `error`; at least one."""
    return wrong_parameters(connection) or list(_reported(error, _parameters(connection)))


def wrong_parameters(connection: _Connection) -> list[dict[str, Any]]:
    """Return the faults of the parameters that a route declares, in their order. Those of its dependencies are missing ones only."""
    handler = connection.route_handler
    given: Mapping[str, Mapping[str, Any]] = {
        "path": connection.path_params,
        "query": parse_connection_query_params(connection, _model(connection)),
        "header": connection.headers,
        "cookie": connection.cookies,
    }
    types = handler.signature_model.__annotations__
    found = []
    for one in _parameters(connection):
        loc, values = [one.param_type.value, one.field_alias], given[one.param_type.value]
        if one.field_alias not in values:
            if one.is_required:
                found.append(fault("missing", loc, "Field required"))
        elif one.field_name in types:
            kind = types[one.field_name]
            said = complaint(kind, values[one.field_alias])
            if said is not None:
                found.append(type_fault(loc, kind, said))
    return found


def _parameters(connection: _Connection) -> list[ParameterDefinition]:
    """Return the parameters of the route that was found, and of its dependencies, in the order of declaration."""
    model, order = _model(connection), list(connection.route_handler.parsed_fn_signature.parameters)
    found = (
        *model.expected_path_params,
        *model.expected_query_params,
        *model.expected_header_params,
        *model.expected_cookie_params,
    )
    return sorted(
        found,
        key=lambda one: (
            order.index(one.field_name) if one.field_name in order else len(order),
            one.field_name,
        ),
    )


def _model(connection: _Connection) -> KwargsModel:
    """Return Litestar's description of the parameters of the route that was found."""
    handler, template = connection.route_handler, connection.scope["path_template"]
    for route in connection.app.routes:
        if route.path_format != template:
            continue
        if isinstance(route, WebSocketRoute) and route.route_handler is handler:
            assert route.handler_parameter_model is not None
            return route.handler_parameter_model
        for found, model in getattr(route, "route_handler_map", {}).values():
            if found is handler:
                return cast("KwargsModel", model)
    raise LookupError(template)


def complaint(kind: Any, value: Any) -> str | None:
    """Return what msgspec says of a value that is not of this type, without the value; None if it is."""
    try:
        msgspec.convert(value, kind, strict=False, str_keys=True, dec_hook=_decode)
    except Exception as error:  # noqa: BLE001 - a plugin's own type may raise anything
        return str(error) if isinstance(error, msgspec.ValidationError) else ""
    return None


def _decode(kind: Any, value: Any) -> Any:
    return kind(value)


def _reported(
    error: ValidationException, parameters: Iterable[ParameterDefinition]
) -> Iterator[dict[str, Any]]:
    """Yield what Litestar reports: faults of the body, and of parameters of dependencies."""
    names = {one.field_name: [one.param_type.value, one.field_alias] for one in parameters}
    extra = error.extra if isinstance(error.extra, list) else []
    for item in extra:
        key = str(item.get("key", "")) if isinstance(item, dict) else ""
        if key == "data":
            yield fault("missing", ["body"], "Field required")
        else:
            loc = names.get(key.partition(".")[0], ["query", key])
            yield type_fault(loc, None, str(item["message"]))
    if not extra:
        yield fault("value_error", ["query"], "The parameters do not have the expected form")


#: What msgspec says of a value, and the type and message of its fault.
_MESSAGES: Final = tuple(
    (re.compile(pattern), kind, message)
    for pattern, kind, message in (
        (r"Expected `(?:int|float)[^`]*` >= (\S+)", "greater_than_equal", "Input should be greater than or equal to {}"),
        (r"Expected `(?:int|float)[^`]*` <= (\S+)", "less_than_equal", "Input should be less than or equal to {}"),
        (r"Expected `(?:int|float)[^`]*` > (\S+)", "greater_than", "Input should be greater than {}"),
        (r"Expected `(?:int|float)[^`]*` < (\S+)", "less_than", "Input should be less than {}"),
        (r"Expected `str[^`]*` of length >= (\d+)", "string_too_short", "String should have at least {} characters"),
        (r"Expected `str[^`]*` of length <= (\d+)", "string_too_long", "String should have at most {} characters"),
        (r"Expected `array[^`]*` of length >= (\d+)", "too_short", "List should have at least {} items"),
        (r"Expected `array[^`]*` of length <= (\d+)", "too_long", "List should have at most {} items"),
        (r"Expected `str[^`]*` matching regex", "string_pattern_mismatch", "String does not have the expected form"),
        (r"Expected `int|Integer value out of range", "int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
        (r"Expected `float", "float_parsing", "Input should be a valid number, unable to parse string as a number"),
        (r"Expected `bool", "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
        (r"Expected `decimal|Invalid decimal", "decimal_parsing", "Input should be a valid decimal"),
        (r"Expected `uuid|Invalid UUID", "uuid_parsing", "Input should be a valid UUID"),
        (r"Expected `datetime|Invalid \w+ encoded datetime", "datetime_parsing", "Input should be a valid datetime"),
        (r"Expected `date|Invalid \w+ encoded date", "date_parsing", "Input should be a valid date"),
        (r"Expected `time|Invalid \w+ encoded time", "time_parsing", "Input should be a valid time"),
        (r"Expected `duration|Invalid \w+ duration|Invalid \w+ encoded duration", "time_delta_parsing", "Input should be a valid timedelta"),
    )
)  # fmt: skip


def type_fault(loc: list[str], kind: Any, said: str) -> dict[str, Any]:
    """Return the fault of a parameter that is not of the type `kind`. `said`: what msgspec says of it."""
    if choices := _choices(kind):
        return fault("literal_error", loc, f"Input should be {_listed(choices)}")
    for pattern, name, message in _MESSAGES:
        if match := pattern.match(said):
            return fault(name, loc, message.format(*match.groups()))
    return fault("value_error", loc, "Input does not have the expected form")


def _choices(kind: Any) -> list[Any]:
    """Return the values that a type allows; none unless it lists all of them."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [one.value for one in kind]
    if get_origin(kind) is Annotated:
        return _choices(get_args(kind)[0])
    parts = [_choices(one) for one in get_args(kind) if one is not type(None)]
    return [value for part in parts for value in part] if all(parts) else []


def _listed(choices: list[Any]) -> str:
    quoted = [repr(one) for one in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)
