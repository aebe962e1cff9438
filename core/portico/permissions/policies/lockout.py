"""Checks that policies leave an administrator who can change them."""

from collections.abc import Iterable

from portico.permissions.policy_set import PolicySet


def lockout_reasons(policies: PolicySet, principals: Iterable[str]) -> list[str]:
    """Return why an administrator with these principals could not do what is required of one; empty = they can."""
    effective, reasons = policies.effective_principals(principals), []
    for kind in policies.kinds.values():
        for action in kind.required_for_admins:
            if policies.action_rules(kind.name, action).allows(effective):
                continue
            denying = [
                rule
                for rule in policies.rules_for(kind.name, action)
                if rule.effect == "deny" and rule.subject in effective
            ]
            if denying:
                reasons += [
                    f"{rule.origin}: it would lock out every administrator from {kind.name}:{action}"
                    for rule in denying
                ]
            else:
                reasons.append(
                    f"no rule allows administrators {kind.name}:{action}; "
                    f"add `p, {kind.name}, {action}, role:admin, allow`"
                )
    return reasons
