"""Errors of commands in the words of the command line, in place of the messages that API clients compare."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from portico.errors import (
    ACCESS_PROHIBITED,
    ACTION_PROHIBITED,
    EMAIL_TAKEN,
    INVALID_EMAIL_FORMAT,
    INVALID_PASSWORD,
    NOT_FOUND,
    PASSWORD_TOO_LONG,
    DomainError,
    NotFound,
    ValidationError,
)

#: What a message for clients is on the command line, where no command says more.
_SENTENCES = {
    ACCESS_PROHIBITED: "This is not allowed to the account that the command acts for.",
    ACTION_PROHIBITED: "This is not allowed, since it could lock out all administrators, or a setting forbids it.",
    EMAIL_TAKEN: "An account has this e-mail address already. `portico user list` lists all accounts.",
    INVALID_EMAIL_FORMAT: "This is not an e-mail address. Give one such as ada@example.org.",
    INVALID_PASSWORD: "The password is empty or breaks the rule for passwords (PASSWORD_VALIDATION_REGEX_PATTERN). Choose another.",
    NOT_FOUND: "There is nothing with this name or id. Commands named `list` show what there is.",
    PASSWORD_TOO_LONG: "The password is too long. Choose one of at most 72 bytes.",
}


@contextmanager
def not_found(sentence: str) -> Iterator[None]:
    """Raise NotFound with this sentence in place of one that only says that something is missing."""
    try:
        yield
    except NotFound as error:
        if error.detail != error.default:
            raise
        raise NotFound(sentence) from None


def in_command_words(error: DomainError) -> str:
    """Return the text of an error for the terminal; each line is a sentence."""
    if isinstance(error, ValidationError):
        return "\n".join(f"{_place(fault['loc'])}: {fault['msg']}" for fault in error.faults)
    text = _SENTENCES.get(error.detail, error.detail)
    if text.startswith("[ERROR: ") and text.endswith("]"):
        return text.removeprefix("[ERROR: ").removesuffix("]")
    return text


def _place(location: Sequence[str | int]) -> str:
    """Return where a fault is, such as `input[1].name`."""
    steps = [f"[{one}]" if isinstance(one, int) else f".{one}" for one in location if one != "body"]
    return f"input{''.join(steps)}"
