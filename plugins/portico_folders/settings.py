"""Settings of folders."""

from typing import Annotated

from portico.api import Section, setting


class FoldersSettings(Section):
    """Whether folders are enabled, and their limits."""

    enable_folders: Annotated[
        bool, setting("Enable folders", env="ENABLE_FOLDERS", runtime_key="folders.enable")
    ] = True
    max_folders: Annotated[
        int, setting("Maximum number of folders of one account", formerly="most", ge=1, le=10_000)
    ] = 1000
    max_depth: Annotated[
        int, setting("Maximum depth of nested folders", formerly="deepest", ge=1, le=100)
    ] = 32
