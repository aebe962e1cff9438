"""The settings `[plugins.webhooks]`."""

from typing import Annotated

from portico.api import Secret, Section, setting


class WebhooksSettings(Section):
    """Where administrators are told of new sign-ups and alerts, whether users have webhooks, and how often is tried."""

    url: Annotated[
        Secret,
        setting(
            "Address that is told of new sign-ups and of alerts for administrators; empty = none",
            env="WEBHOOK_URL",
            form="url",
            runtime_key="webhook_url",
        ),
    ] = Secret()
    enable_user_webhooks: Annotated[
        bool,
        setting(
            "Users may set an address that is told of replies which finish while they are away",
            env="ENABLE_USER_WEBHOOKS",
            runtime_key="ui.enable_user_webhooks",
        ),
    ] = True
    max_tries: Annotated[
        int, setting("Times that a message is sent before it counts as not delivered", ge=1, le=50)
    ] = 12
    backoff_seconds: Annotated[
        float,
        setting(
            "Seconds before a message is sent again; they double each time, up to ten minutes",
            ge=0,
            le=600,
        ),
    ] = 5.0
    min_free_bytes: Annotated[
        int,
        setting(
            "Free bytes on the disk of the data directory below which administrators are alerted; 0 = never",
            ge=0,
        ),
    ] = 1024**3
