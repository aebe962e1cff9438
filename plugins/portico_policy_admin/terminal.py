"""Formats policies for the terminal. Texts only: nothing here reads the database."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from portico.api.cli import printable
from portico.api.policy import AccessChange, AccessExplanation, AllowedAccount
from portico_policy_admin.policy_queries import split
from portico_policy_admin.schemas import ActiveRule

YES, NO = "✓", "✗"


def format_rules(rules: Iterable[ActiveRule]) -> Iterator[str]:
    """Yield every rule below its file, with the names of the groups and accounts in it."""
    for location, of_file in groupby(rules, key=lambda rule: rule.location):
        yield printable(location)
        for rule in of_file:
            number = split(rule.origin)[1] or ""
            notes = [
                f"{subject} is {printable(name)}"
                if name is not None
                else f"{subject} does not exist"
                for subject, name in rule.names.items()
            ]
            notes += ["inactive: no active plugin has this kind"] if rule.inactive else []
            note = f"    # {'; '.join(notes)}" if notes else ""
            yield f"  {number:>4}  {rule.rule}{note}"


def format_explanation(found: AccessExplanation) -> Iterator[str]:
    """Yield a decision as a small tree: the verdict, the rules it is based on, and why each applies."""
    request = f"{found.action} {found.kind} {found.id}".rstrip()
    request += "" if found.id else " for the kind as a whole"
    verdict = (
        f"{YES} {found.account_name} may" if found.allowed else f"{NO} {found.account_name} may not"
    )
    yield printable(f"{verdict} {request}")
    if found.id and not found.exists:
        yield f"│  There is no such {found.kind}, so this is the answer for the kind as a whole."
    branches = [
        (f"{rule.effect}ed by  {rule.rule}  ({rule.origin})", rule.reasons)
        for rule in found.because
    ]
    if not branches:
        branches = [("no rule allows it", [])]
    if not found.allowed and found.would_allow:
        others = [f"{rule.rule}  ({rule.origin})" for rule in found.would_allow]
        branches.append(("rules that allow it to others", others))
    for number, (branch, leaves) in enumerate(branches, start=1):
        last = number == len(branches)
        yield printable(f"{'└' if last else '├'}─ {branch.replace('denyed', 'denied')}")
        for position, leaf in enumerate(leaves, start=1):
            end = "└" if position == len(leaves) else "├"
            yield printable(f"{' ' if last else '│'}  {end}─ {leaf}")


def format_accounts(found: Iterable[AllowedAccount]) -> Iterator[str]:
    """Yield the allowed accounts, each with the first rule that allows it."""
    for one in found:
        more = f"  and {len(one.rules) - 1} more" if len(one.rules) > 1 else ""
        yield printable(f"{one.role:8} {one.email:32} {one.account_name:20} {one.rules[0]}{more}")


def format_changes(found: Iterable[AccessChange]) -> Iterator[str]:
    """Yield what each account gains and loses."""
    for _, of_account in groupby(found, key=lambda change: change.account_id):
        for number, change in enumerate(of_account):
            if not number:
                yield printable(f"{change.account_name} <{change.email}>")
            action = f"{change.kind}:{change.action}"
            if change.in_general:
                sign = "+" if change.in_general == "gained" else "-"
                yield f"  {sign} {action}  for the kind as a whole"
            for sign, ids in (("+", change.gained), ("-", change.lost)):
                if ids:
                    yield printable(f"  {sign} {action}  {', '.join(ids)}")


def format_totals(found: Iterable[AccessChange]) -> Iterator[str]:
    """Yield how many accounts gain and lose how many resources, for each action."""
    counts: dict[str, tuple[set[str], set[str], set[str], set[str]]] = {}
    for change in found:
        action = f"{change.kind}:{change.action}"
        gainers, losers, gained, lost = counts.setdefault(action, (set(), set(), set(), set()))
        if change.gained or change.in_general == "gained":
            gainers.add(change.account_id)
        if change.lost or change.in_general == "lost":
            losers.add(change.account_id)
        gained.update(change.gained)
        lost.update(change.lost)
    for action, (gainers, losers, gained, lost) in counts.items():
        yield f"{action:24} + {_count(gainers, gained):36} - {_count(losers, lost)}"


def _count(accounts: set[str], resources: set[str]) -> str:
    text = f"{len(accounts)} {'account' if len(accounts) == 1 else 'accounts'}"
    noun = "resource" if len(resources) == 1 else "resources"
    return f"{text}, {len(resources)} {noun}" if resources else text
