"""Texts of settings that are cleaned and checked when they are loaded."""

from pathlib import Path
from typing import Annotated

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.api import Secret, Section, setting
from portico.settings.load import LoadedSettings, load_settings
from portico.settings.problems import BadSettings


class TextSettings(Section):
    """One setting of each form."""

    urls: Annotated[list[str], setting("Addresses", separator=";", form="url")] = []
    private_url: Annotated[str, setting("Address", form="url_with_user")] = ""
    keys: Annotated[list[Secret], setting("Keys", separator=";", form="token")] = []
    client: Annotated[str, setting("Client id", form="line")] = ""
    header: Annotated[str, setting("Header", form="header")] = ""
    proxy: Annotated[str, setting("Proxy", form="proxy")] = ""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(**environ: str) -> TextSettings:
    loaded: LoadedSettings = load_settings(
        {f"PORTICO_TEXTS_{name.upper()}": text for name, text in environ.items()}
    )
    return loaded.plugin("texts", TextSettings)


def problem(**environ: str) -> str:
    with pytest.raises(BadSettings) as refusal:
        load(**environ)
    return str(refusal.value)


URL = "https://models.example/v1"


@pytest.mark.parametrize(
    "text",
    [URL, f" {URL}\n", f'"{URL}"', f"'{URL}'", f'" {URL} "', f"{URL},", f"`{URL}`", f"{URL};", f"[\"{URL}\"]"],
)  # fmt: skip
def test_what_surrounds_an_address_is_removed(text: str) -> None:
    assert list(filter(None, load(urls=text).urls)) == [URL]


def test_list_of_addresses_is_cleaned_item_by_item() -> None:
    assert load(urls=f"\"{URL}\"; '{URL}' ;{URL}").urls == [URL] * 3
    assert load(urls=f"{URL};;{URL}").urls == [URL, "", URL]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("models.example/v1", "an address begins with http:// or https://"),
        ("ftp://models.example", "an address begins with http:// or https://"),
        (f"{URL},{URL}", "separate those of a list with ; (semicolon)"),
        (f"{URL}, {URL}", "separate those of a list with ; (semicolon)"),
        (f"{URL} x", "no blanks, quotation marks or line ends"),
        (f"{URL}\nx", "no blanks, quotation marks or line ends"),
        (f'{URL}"x', "no blanks, quotation marks or line ends"),
        ("https://", "and a host"),
        ("https://models.example:port/", "and a host"),
        ("https://[::1/", "and a host"),
        ("https://user:secret@models.example/v1", "must hold no user and password"),
    ],
)
def test_address_with_a_mistake_is_refused_with_a_sentence(text: str, reason: str) -> None:
    sentence = problem(urls=f"{URL};{text}")
    assert reason in sentence
    assert "plugins.texts.urls (environment PORTICO_TEXTS_URLS)" in sentence
    assert "item 2: " in sentence
    assert "secret" not in sentence


def test_user_and_password_are_kept_where_there_is_no_key() -> None:
    url = "http://user:secret@ollama:11434"
    assert load(private_url=url).private_url == url


def test_proxy_without_a_scheme_is_an_http_proxy() -> None:
    assert load(proxy=" proxy.example:3128\n").proxy == "http://proxy.example:3128"
    assert load(proxy="https://user:secret@proxy").proxy == "https://user:secret@proxy"
    assert "begins with http:// or https://" in problem(proxy="socks5://proxy")


def test_key_and_client_id_are_cleaned() -> None:
    loaded = load(keys=' sk-1\n;"sk-2";;\tsk-3 ', client=" app id\r\n")
    assert [key.reveal() for key in loaded.keys] == ["sk-1", "sk-2", "", "sk-3"]
    assert loaded.client == "app id"


@pytest.mark.parametrize("key", ["sk-1 sk-2", "sk-\n1", "sk-\u00e9", "sk-1\x00"])
def test_key_with_a_mistake_is_refused_without_showing_it(key: str) -> None:
    sentence = problem(keys=f"{key};b")
    assert (
        "item 1: it holds blanks, line ends or other characters that a key cannot have" in sentence
    )
    assert "sk-" not in sentence


def test_line_with_a_line_end_inside_is_refused() -> None:
    assert "line ends or control characters" in problem(client="a\nb")


def test_lines_of_a_header_are_joined() -> None:
    text = "default-src 'self';\n  img-src *\n"
    assert load(header=text).header == "default-src 'self'; img-src *"
    assert "printable ASCII characters only" in problem(header="caf\u00e9")
    assert "printable ASCII characters only" in problem(header="a\x00b")


@pytest.mark.parametrize(
    "variable",
    ["CONTENT_SECURITY_POLICY", "HSTS", "XFRAME_OPTIONS", "REFERRER_POLICY", "PERMISSIONS_POLICY", "CACHE_CONTROL"],
)  # fmt: skip
def test_security_headers_end_without_a_line_end(variable: str) -> None:
    headers = load_settings({variable: "some value\n"}).settings.security_headers
    assert "some value" in [getattr(headers, name) for name in headers.__struct_fields__]
