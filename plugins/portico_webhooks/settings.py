"""The settings `[plugins.webhooks]`."""

from typing import Annotated

from portico.api import Secret, Section, setting


class WebhooksSettings(Section):
    """Where administrators are told of new sign-ups and alerts."""

    url: Annotated[
        Secret,
        setting(
            "Address that is told of new sign-ups and of alerts for administrators; empty = none",
            env="WEBHOOK_URL",
            form="url",
            runtime_key="webhook_url",
        ),
    ] = Secret()
