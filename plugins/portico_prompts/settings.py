"""Settings of prompts."""

from typing import Annotated

from portico.api import Section, setting


class PromptsSettings(Section):
    """Limits of prompts."""

    max_prompts: Annotated[
        int, setting("Maximum number of prompts of one account", ge=1, le=100_000)
    ] = 1000
    max_content_bytes: Annotated[
        int, setting("Maximum size of the text of one prompt", ge=1, le=1024 * 1024)
    ] = 128 * 1024
    max_listed: Annotated[
        int, setting("Maximum number of prompts in a list without pages", ge=1, le=10_000)
    ] = 1000
    max_listed_bytes: Annotated[
        int, setting("Maximum size of the texts in a list without pages", ge=1, le=256 * 1024**2)
    ] = 8 * 1024 * 1024
