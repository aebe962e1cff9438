"""Error details that clients of the API know: raise a domain error with one of them.

Source: the texts of the Open WebUI 0.6.41 backend, which its web client compares.
"""

from portico.errors import (
    ACCESS_PROHIBITED,
    ACTION_PROHIBITED,
    API_KEY_CREATION_NOT_ALLOWED,
    API_KEY_NOT_ALLOWED,
    API_KEY_NOT_FOUND,
    EMAIL_TAKEN,
    INCORRECT_PASSWORD,
    INVALID_CRED,
    INVALID_MODEL_ID,
    INVALID_PASSWORD,
    MODEL_ID_TAKEN,
    MODEL_ID_TOO_LONG,
    MODEL_NOT_FOUND,
    UNAUTHORIZED,
)

__all__ = [
    "ACCESS_PROHIBITED",
    "ACTION_PROHIBITED",
    "API_KEY_CREATION_NOT_ALLOWED",
    "API_KEY_NOT_ALLOWED",
    "API_KEY_NOT_FOUND",
    "EMAIL_TAKEN",
    "INCORRECT_PASSWORD",
    "INVALID_CRED",
    "INVALID_MODEL_ID",
    "INVALID_PASSWORD",
    "MODEL_ID_TAKEN",
    "MODEL_ID_TOO_LONG",
    "MODEL_NOT_FOUND",
    "UNAUTHORIZED",
]
