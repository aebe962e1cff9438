"""Options of one connection to an Ollama server."""

from typing import Final

from portico.api import Secret
from portico.api.connections import OptionsForm, SourceOptions, source_option_fault


class OllamaOptions(SourceOptions, frozen=True, kw_only=True, omit_defaults=True):
    """Options of one connection. `key`: sent as a bearer token. `model_ids`: only these models of the server are offered."""

    key: Secret = Secret()
    connection_type: str = "local"


#: The options as administrators send them.
OPTIONS_FORM: Final = OptionsForm(OllamaOptions, source_option_fault)
#: Options that clients may send and that say nothing: how to authenticate follows from the key.
IGNORED_OPTIONS: Final = ("auth_type",)
