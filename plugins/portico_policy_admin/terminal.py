"""How the law looks in a terminal. Texts only: nothing here asks or decides."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from portico.api import AccessChange, AccessExplanation, AllowedAccount, printable
from portico_policy_admin.policy_queries import split
from portico_policy_admin.schemas import ActiveRule

YES, NO = "✓", "✗"


def format_rules(lines: Iterable[ActiveRule]) -> Iterator[str]:
    """Every line under the place it stands at, with the names of whoever it means."""
    for place, some in groupby(lines, key=lambda line: line.place):
        yield printable(place)
        for line in some:
            number = split(line.origin)[1] or ""
            notes = [
                f"{word} is {printable(name)}" if name is not None else f"{word}: there is none"
                for word, name in line.called.items()
            ]
            notes += ["idle: its plugin is not there"] if line.idle else []
            note = f"    # {'; '.join(notes)}" if notes else ""
            yield f"  {number:>4}  {line.line}{note}"


def format_explanation(found: AccessExplanation) -> Iterator[str]:
    """A decision as a small tree: the verdict, the lines it rests on, and why each applies."""
    asked = f"{found.action} {found.kind} {found.id}".rstrip() + ("" if found.id else " in general")
    verdict = (
        f"{YES} {found.account_name} may" if found.allowed else f"{NO} {found.account_name} may not"
    )
    yield printable(f"{verdict} {asked}")
    if found.id and not found.exists:
        yield f"│  There is no such {found.kind} here, so this is the answer in general."
    branches = [
        (f"{line.effect}ed by  {line.line}  ({line.origin})", line.reasons)
        for line in found.because
    ]
    if not branches:
        branches = [("no line allows it", [])]
    if not found.allowed and found.would_allow:
        others = [f"{line.line}  ({line.origin})" for line in found.would_allow]
        branches.append(("lines that allow it to others", others))
    for number, (branch, twigs) in enumerate(branches, start=1):
        last = number == len(branches)
        yield printable(f"{'└' if last else '├'}─ {branch.replace('denyed', 'denied')}")
        for place, twig in enumerate(twigs, start=1):
            end = "└" if place == len(twigs) else "├"
            yield printable(f"{' ' if last else '│'}  {end}─ {twig}")


def format_accounts(found: Iterable[AllowedAccount]) -> Iterator[str]:
    """Who may, and by which line; the first is enough to see why."""
    for one in found:
        more = f"  and {len(one.lines) - 1} more" if len(one.lines) > 1 else ""
        yield printable(f"{one.role:8} {one.email:32} {one.account_name:20} {one.lines[0]}{more}")


def format_changes(found: Iterable[AccessChange]) -> Iterator[str]:
    """Who gains and loses what, person by person."""
    for _, mine in groupby(found, key=lambda shift: shift.account_id):
        for number, shift in enumerate(mine):
            if not number:
                yield printable(f"{shift.account_name} <{shift.email}>")
            what = f"{shift.kind}:{shift.action}"
            if shift.in_general:
                sign = "+" if shift.in_general == "gained" else "-"
                yield f"  {sign} {what}  in general"
            for sign, ids in (("+", shift.gained), ("-", shift.lost)):
                if ids:
                    yield printable(f"  {sign} {what}  {', '.join(ids)}")


def format_totals(found: Iterable[AccessChange]) -> Iterator[str]:
    """How many people gain and lose how much of what."""
    counts: dict[tuple[str, str], tuple[set[str], set[str], set[str], set[str]]] = {}
    for shift in found:
        key = (f"{shift.kind}:{shift.action}", "")
        gainers, losers, gained, lost = counts.setdefault(key, (set(), set(), set(), set()))
        if shift.gained or shift.in_general == "gained":
            gainers.add(shift.account_id)
        if shift.lost or shift.in_general == "lost":
            losers.add(shift.account_id)
        gained.update(shift.gained)
        lost.update(shift.lost)
    for (what, _), (gainers, losers, gained, lost) in counts.items():
        yield f"{what:24} + {_of(gainers, gained):36} - {_of(losers, lost)}"


def _of(who: set[str], what: set[str]) -> str:
    people = f"{len(who)} {'person' if len(who) == 1 else 'people'}"
    return f"{people}, {len(what)} {'thing' if len(what) == 1 else 'things'}" if what else people
