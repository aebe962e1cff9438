"""Error details that clients of the API know: raise a domain error with one of them.

Source: the texts of the Open WebUI 0.6.41 backend, which its web client compares.

Constants:

    ACCESS_PROHIBITED             The caller lacks the role, permission or grant.
    ACTION_PROHIBITED             No user may do this, or the settings forbid it.
    API_KEY_CREATION_NOT_ALLOWED  The caller may not create API keys.
    API_KEY_NOT_ALLOWED           API keys are switched off, or their owner lacks the permission for them.
    API_KEY_NOT_FOUND             The caller has no API key.
    COMMAND_TAKEN                 Another prompt has this command.
    EMAIL_TAKEN                   Another account has this e-mail address.
    INCORRECT_PASSWORD            The present password, given to change it, is wrong.
    INVALID_CRED                  The e-mail address or the password of a sign-in is wrong.
    INVALID_MODEL_ID              A model id is empty or has characters that are not allowed.
    INVALID_PASSWORD              A new password does not match the password rule.
    MODEL_ID_TAKEN                Another model has this id.
    MODEL_ID_TOO_LONG             A model id has too many characters.
    MODEL_NOT_FOUND               There is no such model, or the caller may not use it.
    UNAUTHORIZED                  The caller may not read or change this model.
"""

from portico.errors import (
    ACCESS_PROHIBITED,
    ACTION_PROHIBITED,
    API_KEY_CREATION_NOT_ALLOWED,
    API_KEY_NOT_ALLOWED,
    API_KEY_NOT_FOUND,
    COMMAND_TAKEN,
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
    "COMMAND_TAKEN",
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
