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
    manifest_url: Annotated[
        str,
        setting(
            "Address of a web app manifest that is sent as /manifest.json; empty = Portico's own",
            env=("PORTICO_FRONTEND_MANIFEST_URL", "EXTERNAL_PWA_MANIFEST_URL"),
            form="url",
        ),
    ] = ""
