"""Parameters of a path with a type, such as `{number:int}`: a value of another type is refused with 422, not 404.

So the response names the parameter, as it does for those of a query, and only callers who may call the route learn of it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Litestar
from litestar.types import Scope

from portico.errors import ValidationError
from portico.web.request.parameter_faults import complaint, type_fault


class UnreadableParameter(str):
    """The value of a path parameter that does not have the type of the parameter. `kind`: that type."""

    __slots__ = ("kind",)

    kind: Any


def accept_any_parameters(app: Litestar) -> None:
    """Have routes match whatever the values of their path parameters are; `check_path_parameters` refuses them later."""
    _accept(app.asgi_router.root_route_map_node)


def check_path_parameters(scope: Scope) -> None:
    """Check that the path parameters of a request have the types of their route. Raises: ValidationError."""
    faults = [
        type_fault(["path", name], value.kind, complaint(value.kind, str(value)) or "")
        for name, value in scope["path_params"].items()
        if type(value) is UnreadableParameter
    ]
    if faults:
        raise ValidationError(faults)


def _accept(node: Any) -> None:
    node.path_parameters = {
        method: tuple(
            one._replace(parser=partial(_parsed, one.type, one.parser)) if one.parser else one
            for one in parameters
        )
        for method, parameters in node.path_parameters.items()
    }
    for child in node.children.values():
        _accept(child)


def _parsed(kind: Any, parser: Callable[[str], Any], value: str) -> Any:
    try:
        return parser(value)
    except (ValueError, ArithmeticError):
        unreadable = UnreadableParameter(value)
        unreadable.kind = kind
        return unreadable
