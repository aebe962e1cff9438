"""Settings of folders."""

from typing import Annotated

from portico.api import Section, setting


class FoldersSettings(Section):
    """Whether folders are enabled, and their limits."""

    enable_folders: Annotated[
        bool, setting("Let people use folders", env="ENABLE_FOLDERS", runtime_key="folders.enable")
    ] = True
    most: Annotated[int, setting("Folders that somebody may have", ge=1, le=10_000)] = 1000
    deepest: Annotated[int, setting("Folders that may lie in one another", ge=1, le=100)] = 32
