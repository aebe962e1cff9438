"""Serves the files of a folder, such as those of a built web client."""

from portico.web.static.static_files import StaticFiles, StaticFolderError

__all__ = ["StaticFiles", "StaticFolderError"]
