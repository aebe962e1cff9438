"""Whether a law leaves anybody who can mend it."""

from collections.abc import Iterable

from portico.permissions.policy_set import PolicySet


def lockout_reasons(law: PolicySet, words: Iterable[str]) -> list[str]:
    """Why somebody of whom these words are true could not do what administrators must be able to. Empty = they can."""
    standing, faults = law.effective_principals(words), []
    for kind in law.kinds.values():
        for action in kind.required_for_admins:
            if law.plan(kind.name, action).allows(standing):
                continue
            denying = [
                rule
                for rule in law.rules_for(kind.name, action)
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
