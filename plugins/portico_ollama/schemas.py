"""Forms of the routes of Ollama servers."""

import msgspec


class NamedModelForm(msgspec.Struct):
    """Which model is meant. `name`: as older clients send it."""

    model: str = ""
    name: str = ""


class CopyModelForm(msgspec.Struct):
    """The name of a model, and another one that it gets."""

    source: str
    destination: str
