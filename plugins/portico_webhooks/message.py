"""What a webhook is told, in the form that its receiver understands: Slack, Google Chat, Discord, Teams, or JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

#: Characters of a text that Slack and Google Chat accept, with room for the escapes.
MAX_CHAT_CHARS: Final = 4000
#: Characters of a message that Discord accepts.
MAX_DISCORD_CHARS: Final = 2000
#: Characters of a text in all other forms.
MAX_TEXT_CHARS: Final = 32_000
_CUT: Final = "… (truncated)"


class WebhookUser(msgspec.Struct, frozen=True):
    """The account that a message is about; nothing else of it is sent."""

    id: str
    name: str
    email: str


class WebhookMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message, as receivers of JSON get it. `message`: a text for people.

    `action`: `signup`, `chat`, `alert` or `test`. `title`, `url`: of the chat. `kind`, `about`: of the alert.
    """

    action: str
    message: str
    title: str = ""
    url: str = ""
    kind: str = ""
    about: str = ""
    user: WebhookUser | None = None

    @property
    def text(self) -> str:
        """The message as one text, for receivers that show a text and nothing else."""
        heading = " - ".join(filter(None, (self.title, self.url)))
        return f"{heading}\n\n{self.message}" if heading else self.message


def body_for(url: str, message: WebhookMessage, server: str) -> bytes:
    """Return the body of a request to this address. `server`: the name of this one, which Teams shows."""
    form = _form_of(url)
    return msgspec.json.encode(form(message, server))


def _form_of(url: str) -> "Callable[[WebhookMessage, str], object]":
    address = urlsplit(url)
    host = (address.hostname or "").rstrip(".").lower()
    if host in ("hooks.slack.com", "hooks.slack-gov.com", "chat.googleapis.com"):
        return _as_text
    if _is_within(host, "discord.com", "discordapp.com") and address.path.startswith("/api/"):
        return _as_discord
    if _is_within(host, "webhook.office.com"):
        return _as_teams
    return _as_json


def _as_json(message: WebhookMessage, _: str) -> WebhookMessage:
    return msgspec.structs.replace(message, message=_cut(message.message, MAX_TEXT_CHARS))


def _as_text(message: WebhookMessage, _: str) -> Mapping[str, Any]:
    # Escaped: a name or an answer of a model must not be able to call everyone in the channel, as <!channel> does.
    text = _cut(message.text, MAX_CHAT_CHARS)
    return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _as_discord(message: WebhookMessage, _: str) -> Mapping[str, Any]:
    # Without allowed mentions, @everyone is a text.
    return {"content": _cut(message.text, MAX_DISCORD_CHARS), "allowed_mentions": {"parse": []}}


def _as_teams(message: WebhookMessage, server: str) -> Mapping[str, Any]:
    text = _cut(message.text, MAX_TEXT_CHARS)
    facts = msgspec.to_builtins(message.user) if message.user else {}
    section = {
        "activityTitle": text,
        "activitySubtitle": f"{server} - {message.action}",
        "facts": [{"name": name, "value": value} for name, value in facts.items()],
        "markdown": False,
    }
    return {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "themeColor": "0076D7",
        "summary": _cut(text, 200),
        "sections": [section],
    }


def _is_within(host: str, *domains: str) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in domains)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT
