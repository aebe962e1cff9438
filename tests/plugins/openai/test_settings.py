"""Connections that result from settings."""

from portico.api import Secret
from portico_openai.connection import OPENAI_BASE_URL, connections
from portico_openai.connection_options import OpenAIOptions
from portico_openai.settings import OpenAISettings


def secrets(*keys: str) -> list[Secret]:
    return [Secret(key) for key in keys]


def test_default_settings_have_no_connection() -> None:
    assert connections(OpenAISettings()) == []


def test_key_without_url_is_openai() -> None:
    [only] = connections(OpenAISettings(keys=secrets("sk-1")))
    assert (only.url, only.is_openai) == (OPENAI_BASE_URL, True)


def test_keys_are_cut_and_padded_to_the_urls() -> None:
    some = connections(OpenAISettings(base_urls=["http://a/", "http://b"], keys=secrets(" sk-1\n")))
    assert [(c.url, c.key.reveal()) for c in some] == [("http://a", "sk-1"), ("http://b", "")]
    assert len(connections(OpenAISettings(base_urls=["http://a"], keys=secrets("1", "2")))) == 1


def test_connection_names_are_unique_and_contain_no_address() -> None:
    urls = ["http://a", "http://b", "http://c", "http://d"]
    configs = {
        "1": OpenAIOptions(name="lab"),
        "http://c": OpenAIOptions(name="lab"),
        "3": OpenAIOptions(enable=False),
    }
    some = connections(OpenAISettings(base_urls=urls, configs=configs))
    assert [c.name for c in some] == ["openai", "lab", "lab-2"]
    assert [c.index for c in some] == [0, 1, 2]


def test_connections_can_be_disabled() -> None:
    assert connections(OpenAISettings(enable=False, base_urls=["http://a"])) == []
