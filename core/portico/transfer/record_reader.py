"""Reads records strictly: each that does not fit is rejected alone, with a sentence."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from portico.transfer.outcome import Outcome, rejected

T = TypeVar("T", bound=msgspec.Struct)
#: Characters of an id; one of the source that is longer is none of ours.
MAX_ID_CHARS: Final = 255
_ESCAPED_NUL: Final = b"\\u0000"


class ReadRecord(NamedTuple, Generic[T]):
    """One record that fits. `place`: its index among the records of the batch."""

    place: int
    record: T


class _AnyId(msgspec.Struct):
    id: str = ""


class RecordReader(Generic[T]):
    """Reads records of one kind. `record_type`: their struct, whose unknown fields are ignored.

    Texts in it have no U+0000, which PostgreSQL cannot store; values of the type `msgspec.Raw` are not checked for that.
    `id_field`: the attribute that outcomes name.
    """

    def __init__(self, record_type: type[T], id_field: str = "id") -> None:
        self._decoder = msgspec.json.Decoder(record_type)
        self._ids = msgspec.json.Decoder(_AnyId)
        self._id_field = id_field

    def read(self, records: Sequence[bytes]) -> tuple[list[ReadRecord[T]], dict[int, Outcome]]:
        """Return the records that fit, and the outcomes of the others by their place.

        A second record with an id of the same batch is rejected.
        """
        read: list[ReadRecord[T]] = []
        outcomes: dict[int, Outcome] = {}
        seen: set[str] = set()
        for place, text in enumerate(records):
            found = self._read_one(text)
            if isinstance(found, Outcome):
                outcomes[place] = found
                continue
            record_id = str(getattr(found, self._id_field))
            if fault := _id_fault(record_id, seen):
                outcomes[place] = rejected(record_id[:MAX_ID_CHARS].replace("\0", ""), fault)
                continue
            seen.add(record_id)
            read.append(ReadRecord(place, found))
        return read, outcomes

    def _read_one(self, text: bytes) -> T | Outcome:
        try:
            str(text, "utf-8")  # values that stay raw are not decoded
            record = self._decoder.decode(text)
        except msgspec.ValidationError as error:
            return rejected(self._id_of(text), f"a value does not fit: {error}")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return rejected("", "the record is no valid JSON in UTF-8")
        except RecursionError:
            return rejected("", "the record is nested too deeply")
        if _ESCAPED_NUL in text and _has_nul(record):
            return rejected(self._id_of(text), "a text has U+0000, which cannot be stored")
        return record

    def _id_of(self, text: bytes) -> str:
        try:
            return self._ids.decode(text).id[:MAX_ID_CHARS].replace("\0", "")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""


def _id_fault(record_id: str, seen: set[str]) -> str:
    if not record_id:
        return "the id is empty"
    if len(record_id) > MAX_ID_CHARS:
        return f"the id has more than {MAX_ID_CHARS} characters"
    if record_id in seen:
        return "another record has the same id"
    return ""


def _has_nul(value: object) -> bool:
    """Return whether a text in a value has U+0000, also a key."""
    return any("\0" in text for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, msgspec.Struct):
            waiting += [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
