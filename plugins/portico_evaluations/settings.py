"""Settings of evaluations."""

from typing import Annotated

from portico.api import Section, setting


class EvaluationsSettings(Section):
    """Whether replies can be rated, and limits of what is stored."""

    enable_message_rating: Annotated[
        bool,
        setting(
            "Let users rate replies",
            env="ENABLE_MESSAGE_RATING",
            runtime_key="ui.enable_message_rating",
        ),
    ] = True
    max_feedbacks: Annotated[
        int, setting("Maximum number of ratings of one account", ge=1, le=1_000_000)
    ] = 10_000
    max_snapshot_bytes: Annotated[
        int,
        setting(
            "Bytes of the copy of a chat that is stored with a rating; a larger one is not stored, 0 = none is",
            ge=0,
            le=64 * 1024 * 1024,
        ),
    ] = 1024 * 1024
    max_account_snapshot_bytes: Annotated[
        int,
        setting(
            "Bytes of all copies of chats that are stored with the ratings of one account; beyond that none is stored",
            ge=0,
        ),
    ] = 64 * 1024 * 1024
    max_listed: Annotated[
        int,
        setting(
            "Number of ratings in the list from which clients compute a leaderboard, the last changed ones",
            ge=1,
            le=1_000_000,
        ),
    ] = 10_000
    max_listed_bytes: Annotated[
        int, setting("Bytes of that list, after which it ends", ge=1024, le=1024**3)
    ] = 16 * 1024 * 1024
