"""Settings of completions."""

from typing import Annotated

from portico.api import Section, setting


class CompletionsSettings(Section):
    """How replies are generated and delivered."""

    max_running: Annotated[
        int,
        setting(
            "Maximum number of replies that are generated for one account at once", ge=1, le=1000
        ),
    ] = 8
    finish_after_disconnect: Annotated[
        bool,
        setting(
            "A streamed reply that belongs to a stored message is generated to its end although the client has disconnected"
        ),
    ] = False
    send_raw_chunks: Annotated[
        bool,
        setting(
            "Send clients with a socket each chunk of the provider instead of the text so far",
            env="ENABLE_REALTIME_CHAT_SAVE",
        ),
    ] = False
    enable_direct_connections: Annotated[
        bool,
        setting(
            "Users may add providers of their own, which their browsers call",
            env="ENABLE_DIRECT_CONNECTIONS",
            runtime_key="direct.enable",
        ),
    ] = False
