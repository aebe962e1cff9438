"""The settings `[plugins.request_log]`. The variables of the file are those of Open WebUI."""

from typing import Annotated, Literal

import msgspec

from portico.api import Section, setting

AuditLevel = Literal["NONE", "METADATA", "REQUEST", "REQUEST_RESPONSE"]


class RequestLogSettings(Section):
    """The log of requests on standard error, and the file of requests that change something."""

    access: Annotated[
        bool,
        setting("Write one line per request to standard error"),
    ] = False
    level: Annotated[
        AuditLevel,
        setting(
            "What the file has of each request that changes something: NONE = there is no file, METADATA = who, what and "
            "when, REQUEST = also the masked body, REQUEST_RESPONSE = also that of the response",
            env="AUDIT_LOG_LEVEL",
        ),
    ] = "NONE"
    excluded_paths: Annotated[
        list[str],
        setting(
            "Paths below /api and /api/v1 that the file leaves out, such as /chats",
            env="AUDIT_EXCLUDED_PATHS",
        ),
    ] = msgspec.field(default_factory=lambda: ["/chats", "/chat", "/folders"])
    max_body_bytes: Annotated[
        int,
        setting(
            "Bytes of the largest body that the file has",
            env="MAX_BODY_LOG_SIZE",
            ge=0,
            le=1_048_576,
        ),
    ] = 2048
    file: Annotated[
        str,
        setting("Path of the file; empty = audit.log in data_dir", env="AUDIT_LOGS_FILE_PATH"),
    ] = ""
    rotation_size: Annotated[
        str,
        setting(
            "Size from which on the file is renamed and another one begun, such as 10MB; 0 = never",
            env="AUDIT_LOG_FILE_ROTATION_SIZE",
        ),
    ] = "10MB"
