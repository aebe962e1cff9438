"""Describes the type of a setting in words, for errors about invalid values."""

from msgspec import inspect

from portico.settings.fields import Field, bare


def describe_type(field: Field) -> str:
    """Return what is allowed, from the type, its bounds and the `allowed` text of the schema."""
    words = _describe(field.shape)
    return f"{words}: {field.allowed}" if field.allowed else words


def _describe(shape: inspect.Type) -> str:
    match bare(shape):
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() as number:
            return f"an integer{_bounds(number)}"
        case inspect.FloatType() as number:
            return f"a number{_bounds(number)}"
        case inspect.StrType() as text:
            return f"text{_length(text)}{f' that matches {text.pattern}' if text.pattern else ''}"
        case inspect.CustomType():
            return "text"
        case compound:
            return _describe_compound(compound)


def _describe_compound(shape: inspect.Type) -> str:
    match shape:
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in values)
        case inspect.CollectionType(item_type=item):
            return f"a list, each item {_describe(item)}"
        case inspect.DictType() | inspect.StructType():
            return "a table (in a variable: JSON)"
        case inspect.UnionType(types=types):
            return " or ".join(map(_describe, types))
        case inspect.NoneType():
            return "nothing"
        case other:
            return type(other).__name__.removesuffix("Type").lower()


def _bounds(number: inspect.IntType | inspect.FloatType) -> str:
    least, most = number.ge, number.le
    if least is not None and most is not None:
        limits = [("from", f"{_plain(least)} to {_plain(most)}")]
    else:
        limits = [("of at least", _plain(least)), ("of at most", _plain(most))]
    limits += [("greater than", _plain(number.gt)), ("less than", _plain(number.lt))]
    limits += [("divisible by", _plain(number.multiple_of))]
    words = " and ".join(f"{word} {limit}" for word, limit in limits if limit)
    return f" {words}" if words else ""


def _plain(limit: float | None) -> str:
    return "" if limit is None else str(int(limit) if limit == int(limit) else limit)


def _length(text: inspect.StrType) -> str:
    least, most = text.min_length, text.max_length
    if least == 1 and most is None:
        return " that is not empty"
    if least is None and most is None:
        return ""
    if least is None:
        return f" of at most {most} characters"
    return (
        f" of at least {least} characters" if most is None else f" of {least} to {most} characters"
    )
