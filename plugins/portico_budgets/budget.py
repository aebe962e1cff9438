"""Budgets: whom they limit, what they count, and their periods."""

import re
from datetime import UTC, datetime
from typing import Final, Literal, get_args

import msgspec

from portico.api.interfaces import MICROS_PER_UNIT

SubjectKind = Literal["user", "group", "key", "model", "everyone"]
Unit = Literal["tokens", "requests", "money", "concurrency"]
Period = Literal["minute", "day", "month"]
SUBJECT_KINDS: Final[tuple[SubjectKind, ...]] = get_args(SubjectKind)
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
PERIODS: Final[tuple[Period, ...]] = get_args(Period)
MINUTE_SECONDS: Final = 60
DAY_SECONDS: Final = 86400

_SUBJECT: Final = re.compile(r"(everyone)|(user|group|key|model):([^\x00-\x1f\x7f]{1,512})")


class Subject(msgspec.Struct, frozen=True):
    """Whom a budget limits. `id`: of an account, a group, an API key or a model; empty for everyone."""

    kind: SubjectKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


EVERYONE: Final = Subject("everyone")


def parse_subject(text: str) -> Subject | None:
    """Return the subject of a text such as `user:<id>` or `everyone`; None if it is none."""
    found = _SUBJECT.fullmatch(text)
    if found is None:
        return None
    return EVERYONE if found[1] else Subject(found[2], found[3])  # type: ignore[arg-type]  # a kind


class PeriodBounds(msgspec.Struct, frozen=True):
    """One period in UTC. Units: epoch seconds. `end`: the start of the next one; None = it has no end."""

    start: int
    end: int | None


UNBOUNDED: Final = PeriodBounds(0, None)


def period_at(period: Period | None, at: int) -> PeriodBounds:
    """Return the period that contains a time. Without a period all times are in the same one."""
    if period is None:
        return UNBOUNDED
    if period == "month":
        day = datetime.fromtimestamp(at, UTC)
        first = datetime(day.year, day.month, 1, tzinfo=UTC)
        following = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
        return PeriodBounds(int(first.timestamp()), int(following.timestamp()))
    length = MINUTE_SECONDS if period == "minute" else DAY_SECONDS
    start = at - at % length
    return PeriodBounds(start, start + length)


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A limit for the calls of models. `amount`: the limit; of money in millionths of the currency.

    `period`: None for `concurrency`, which counts the calls that are running.
    """

    id: str
    subject: Subject
    unit: Unit
    period: Period | None
    amount: int
    created_at: int
    updated_at: int

    @property
    def limit(self) -> int | float:
        """The limit as it is shown: money in units of the currency."""
        return shown_amount(self.unit, self.amount)

    def __str__(self) -> str:
        """Return the limit, such as `1000 tokens per day`."""
        text = f"{self.limit} {self.unit}"
        return f"{text} per {self.period}" if self.period else text


def shown_amount(unit: Unit, amount: int) -> int | float:
    """Return an amount as it is shown: money in units of the currency, all else as it is."""
    if unit != "money":
        return amount
    whole, rest = divmod(amount, MICROS_PER_UNIT)
    return amount / MICROS_PER_UNIT if rest else whole
