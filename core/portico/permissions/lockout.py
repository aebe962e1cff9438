"""Whether a law leaves anybody who can mend it."""

from collections.abc import Iterable

from portico.permissions.law import Law


def locked_out(law: Law, words: Iterable[str]) -> list[str]:
    """Why somebody of whom these words are true could not do what administrators must be able to. Empty = they can."""
    standing, faults = law.standing(words), []
    for kind in law.kinds.values():
        for action in kind.vital:
            if law.plan(kind.name, action).decide(standing):
                continue
            denying = [
                rule
                for rule in law.rules_on(kind.name, action)
                if rule.effect == "deny" and rule.who in standing
            ]
            if denying:
                faults += [
                    f"{rule.origin}: it would lock out every administrator from {kind.name}:{action}"
                    for rule in denying
                ]
            else:
                faults.append(
                    f"no line lets administrators {kind.name}:{action}; "
                    f"add `p, {kind.name}, {action}, role:admin, allow`"
                )
    return faults
