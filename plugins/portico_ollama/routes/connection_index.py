"""The number of a connection in a request: at the end of the path, or in the query."""

from portico.api.json import field_error
from portico.api.web import Request

#: Digits of a number that can be one.
MAX_DIGITS = 9


def indexed(path: str) -> list[str]:
    """Return a path, and the same one with the number of a connection at its end."""
    return [path, f"{path}/{{url_idx:int}}"]


def connection_index(request: Request) -> int | None:
    """Return the number of the connection that is meant; None if the request has none. Raises: ValidationError."""
    in_path = request.path_params.get("url_idx")
    if in_path is not None:
        return int(in_path)
    text = request.query_params.get("url_idx")
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise field_error("url_idx", "int_parsing", "Not a number", source="query")
    return int(text)
