"""What claims would come to, as a table a person can read. Nothing from outside can move the cursor."""

from portico_oauth.cli.dry_run import LoginPreview

_SENTENCES = {
    "found": "They would be let in: the subject belongs to an account.",
    "merged": "They would be given the account that has their e-mail address.",
    "new": "They would be given a new account.",
    "refused": "They would be refused.",
}


def format_preview(outcome: LoginPreview) -> str:
    """Lines of a word and what it is."""
    role = outcome.role or ""
    if outcome.role_was and outcome.role_was != outcome.role:
        role = f"{role} (was {outcome.role_was})"
    address = outcome.email and f"{outcome.email} ({'' if outcome.vouched else 'not '}vouched for)"
    lines = {
        "provider": outcome.provider,
        "signature": outcome.signature,
        "account": _SENTENCES[outcome.outcome],
        "because": outcome.why,
        "id": outcome.account_id,
        "subject": outcome.subject,
        "address": address,
        "name": outcome.name,
        "role": role,
        "joins": ", ".join(outcome.joined),
        "leaves": ", ".join(outcome.left),
        "makes": ", ".join(outcome.made),
    }
    return "\n".join(f"{word:10} {plain(text)}" for word, text in lines.items() if text)


def plain(text: str) -> str:
    """The text without what a terminal would act on."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
