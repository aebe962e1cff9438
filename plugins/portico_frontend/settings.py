"""The settings `[plugins.frontend]`."""

from typing import Annotated

from portico.api import Section, setting


class FrontendSettings(Section):
    """The web client that this server serves."""

    dir: Annotated[
        str,
        setting(
            "Folder of a built web client, which is served at /; empty = a page of Portico's own",
            env=("PORTICO_FRONTEND_DIR", "FRONTEND_BUILD_DIR"),
        ),
    ] = ""
