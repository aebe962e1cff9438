"""No text of others meets a pattern that backtracks: every pattern, and every scan by hand, takes linear time.

A pattern without such a test is found by its place in the source.
"""

import ast
import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from portico.identity.accounts.account_list import AccountQuery
from portico.identity.accounts.picture import check_picture
from portico.normalization import MAX_MARKS, likeness, normalized
from portico.prompts import PromptTemplate, shown_text, user_variables
from portico.server.logging import escape_newlines, mask
from portico.settings.masking import sentence_without_credentials, without_credentials
from portico.upstream.redactor import Redactor
from portico.upstream.sse_filter import SSEFilter
from portico.web.middleware.proxies import Proxies
from portico_accounts.redaction import without_secrets
from portico_api_keys.restrictions import allowed_paths
from portico_chats.search import query_parser
from portico_chats.storage import indexed_texts
from portico_generation.answers import read_title
from portico_ldap.protocol import distinguished_names
from portico_models.fields import model_ids
from portico_models.fields.pictures import unsupported_picture_reason
from portico_oauth.login.claim_mapping import BlockedGroups
from portico_password.rule import WeakPassword, password_rule

ROOT = Path(__file__).parents[2]
#: Characters of a hostile text. Quadratic time for it is several tenths of a second.
SIZES = (12_288,)
#: Seconds of the processor for one of them; linear time stays far below, also on a busy machine.
BOUND = 0.25

#: What the source of a pattern contains; files without it need not be parsed.
_ASKED_FOR = re.compile(r"\b(re|regex|fnmatch)\.|\bMeta\(")

#: A constant that may be a pattern, at the beginning of a line.
_CONSTANT = re.compile(r"^(\w+)(?:: [^=\n]+)? = [\s(]*(?:re|regex)\.", re.MULTILINE)

#: Patterns that meet only what the program, its files or its operator say at the start.
NOT_OF_OTHERS = {
    "core/portico/db/sqlite/network_mounts.py:NETWORK": "names of file systems, from the kernel",
    "core/portico/db/sqlite/network_mounts.py:point": "a line of the kernel",
    "core/portico/db/migration_files.py:_DOLLAR_QUOTED": "our migrations",
    "core/portico/db/migration_files.py:_SAFE_BESIDE": "our migrations",
    "core/portico/db/migration_files.py:_FILE": "names of our migrations",
    "core/portico/db/sqlite/statements.py:_FIRST_WORD": "statements of the program",
    "core/portico/db/sqlite/statements.py:_PLACEHOLDER": "statements of the program",
    "core/portico/settings/fields.py:variable_prefix": "names of settings",
    "core/portico/settings/file.py:reason": "the message of the TOML parser",
    "core/portico/settings/masking.py:_SECRET_NAME": "names of settings",
    "core/portico/settings/secret_key.py:_WELL_KNOWN": "the secret key",
    "core/portico/settings/env_values.py:_read_number": "a variable of the environment",
    "core/portico/web/request/parameter_faults.py:_MESSAGES": "sentences of msgspec, matched from their begin",
    "core/portico/web/openapi/routes.py:inside": "a page of ours",
    "plugins/portico_frontend/own_page.py:style": "a page of ours",
}

#: What meets the known faults, and what a text has to begin with to get into the middle of a pattern.
BEGINS = ("", "{{", "://x:", "Key (", '"', "a@a", "https://a", "data:image/png;base64,A", "eyJ")
PUMPS = (
    *(" ", "\n", "\t", "a", "A", "0", "-", ".", "/", ":", "\\", '"', "a.", "1.", "a:", "a=", "a-"),
    *("{{", "{{ ", "eyJ-", "sk-", "Bearer ", "://", "://a:", "\\ud800", "[0]", "/a", "é"),
    *("![", "](", "![](", "<details ", "</details ", "<details></details>", "{", "}"),
)
ENDS = ("", "\x00")


def _hostile(size: int) -> Iterator[str]:
    for begin in BEGINS:
        for pump in PUMPS if begin in ("", "{{") else PUMPS[:8]:
            for end in ENDS:
                yield begin + pump * (size // len(pump)) + end


@cache
def _uses() -> dict[str, ast.Call]:
    """Every pattern in the source, by its file, and the name it is given or the function it is in."""
    found = {}
    for path, source in _sources():
        tree = ast.parse(source)
        for holder in ast.walk(tree):
            for child in ast.iter_child_nodes(holder):
                child.holder = holder  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _is_pattern(node):
                found[f"{path}:{_name(node)}"] = node
    return found


def _sources() -> Iterator[tuple[Path, str]]:
    """Yield the files that may have patterns."""
    for root in ("core", "plugins"):
        for path in sorted((ROOT / root).rglob("*.py")):
            if _ASKED_FOR.search(source := path.read_text()):
                yield path.relative_to(ROOT), source


def _is_pattern(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id="re" | "regex" | "fnmatch"), attr=attr):
            return attr not in ("escape", "error", "purge")
        case ast.Attribute(attr="Meta"):
            return any(one.arg == "pattern" for one in call.keywords)
    return False


def _name(node: Any) -> str:
    call = node
    while not isinstance(node, ast.Module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                return name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                return name
        node = node.holder
    return ast.unparse(call)


def _module(key: str) -> Any:
    path = key.partition(":")[0].removesuffix(".py").split("/")[1:]
    return import_module(".".join(path).removesuffix(".__init__"))


@cache
def _patterns() -> list[str]:
    """Every constant that is a pattern. Each worker needs them: parsing all files takes ten times as long."""
    found = [f"{path}:{name}" for path, source in _sources() for name in _CONSTANT.findall(source)]
    return [
        key
        for key in found
        if isinstance(getattr(_module(key), key.partition(":")[2], None), re.Pattern)
        and key not in NOT_OF_OTHERS
    ]


def _timed(act: Callable[[], object]) -> float:
    begun = time.thread_time()
    act()
    return time.thread_time() - begun


def _steady(act: Callable[[Any], object], text: Any) -> None:
    """Raises if it takes longer than linear time could. A second try: a busy machine is no fault."""
    if _timed(lambda: act(text)) > BOUND:
        assert _timed(lambda: act(text)) < BOUND, f"{text[:20]!r}… takes too long"


def _ways(key: str) -> set[str]:
    """The methods by which a pattern is asked: what searches badly may match well."""
    path, _, name = key.partition(":")
    files = [ROOT / path] if name.startswith("_") else sorted((ROOT / path).parent.rglob("*.py"))
    return set(re.findall(rf"\b{name}\b[^\n]*?\.([a-z]+)\(", "\n".join(map(Path.read_text, files))))


@pytest.mark.parametrize("key", _patterns())
def test_pattern_takes_linear_time(key: str) -> None:
    pattern = getattr(_module(key), key.partition(":")[2])
    is_bytes = isinstance(pattern.pattern, bytes)
    found = _ways(key)
    ways = [getattr(pattern, way) for way in sorted(found & {"match", "fullmatch", "search"})]
    if found & {"sub", "split", "finditer", "findall"} or not ways:
        ways.append(lambda text: [None for _ in pattern.finditer(text)])
    for size in SIZES:
        for text in _hostile(size):
            subject: Any = text.encode() if is_bytes else text
            for way in ways:
                _steady(way, subject)


def _fill(text: str) -> None:
    PromptTemplate({}, {}, lambda: "", list).fill(text)


def _placeholders_of(text: str) -> None:
    actor: Any = type("Actor", (), {"name": "", "email": ""})
    with pytest.raises(StopIteration):
        user_variables(None, actor, [text]).send(None)  # type: ignore[arg-type]


def _of_key(module: Any, kind: str) -> Callable[[str], None]:
    def decode(text: str) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, getattr(module, kind))

    return decode


def _forwarded(text: str) -> None:
    headers = [
        (name, text.encode())
        for name in (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")
    ]
    for some in (headers, headers[:1]):
        Proxies(["10.0.0.1"]).apply({"headers": some, "client": ("10.0.0.1", 1), "type": "http"})  # type: ignore[arg-type]


def _quietly(act: Callable[[str], object]) -> Callable[[str], None]:
    def run(text: str) -> None:
        try:
            act(text)
        except Exception:  # noqa: BLE001 - refusing is right, being slow is not
            return

    return run


SCANS: dict[str, Callable[[str], object]] = {
    "a prompt's placeholders": _fill,
    "what a prompt asks of the account": _placeholders_of,
    "a message without details and pictures": lambda text: shown_text(text * 20),
    "the answer of a task model": lambda text: read_title(text * 20),
    "a provider's words": Redactor("https://inside.example/v1", ["sk-the-key"]),
    "a provider's stream": lambda text: SSEFilter().feed(text.encode()),
    "a line of the log": lambda text: mask(None, "", {"event": text}),
    "a line of the log without breaks": lambda text: escape_newlines(None, "", {"event": text}),
    "a setting that is shown": without_credentials,
    "a sentence about a setting": sentence_without_credentials,
    "a picture": _quietly(check_picture),
    "a picture of a model": _quietly(unsupported_picture_reason),
    "a search for people": lambda text: AccountQuery(query=text[:1024]).pattern,
    "a search for chats": _quietly(query_parser.parse),
    "a text that is searched": indexed_texts.folded,
    "the likeness of a name": likeness,
    "the id of a model": model_ids.normalized_id,
    "a forwarded header": _forwarded,
    "settings without secrets": without_secrets,
    "paths of keys": allowed_paths,
    "a distinguished name": distinguished_names.normalize_dn,
    "a group of a provider": BlockedGroups(["(a*)*b", "*a*a*a*c"]),
    "the name of a key": _quietly(_of_key(import_module("portico_api_keys.schemas"), "Name")),
    "the id of a group": _quietly(_of_key(import_module("portico_groups.schemas"), "GroupId")),
    "the id of an imported account": _quietly(
        _of_key(import_module("portico.identity.accounts.account_record"), "PrincipalId")
    ),
    "an address of a provider": _quietly(
        _of_key(import_module("portico_oauth.protocol.metadata"), "Url")
    ),
    "the claims of a token": _quietly(
        _of_key(import_module("portico.identity.sessions.tokens"), "Id")
    ),
}


@pytest.mark.parametrize("what", SCANS)
def test_scan_takes_linear_time(what: str) -> None:
    for size in SIZES:
        for text in _hostile(size):
            _steady(_quietly(SCANS[what]), text)
        for marks in ("\u0301\u0327", "\u0327\u0301", "\u0f73", "\uff9e\u0327"):
            text = f"https://a{marks[:1] * (size // 2)}{marks[-1:] * (size // 2)}"
            _steady(_quietly(SCANS[what]), text)


def test_pattern_on_foreign_text_is_tested_for_linear_time() -> None:
    pumped_elsewhere = {
        "core/portico/operator_pattern.py:__init__",  # has a time limit
        "plugins/portico_oauth/login/claim_mapping.py:__call__",
        "core/portico/upstream/redactor.py:__init__",
        "plugins/portico_ldap/protocol/distinguished_names.py:found",
        "plugins/portico_ldap/protocol/distinguished_names.py:_escaped",
        "plugins/portico_api_keys/schemas.py:Name",
        "plugins/portico_groups/schemas.py:GroupId",
        "core/portico/identity/accounts/account_record.py:PrincipalId",
        "plugins/portico_oauth/protocol/metadata.py:Url",
        "core/portico/identity/sessions/tokens.py:Id",
        "core/portico/web/middleware/proxies.py:value",
        "core/portico/web/middleware/origins.py:_origin_of",
        "plugins/portico_models/fields/pictures.py:media_type",
        "plugins/portico_completions/replies/reasoning_tags.py:__init__",
    }
    unknown = _uses().keys() - set(_patterns()) - pumped_elsewhere - NOT_OF_OTHERS.keys()
    gone = (pumped_elsewhere | NOT_OF_OTHERS.keys()) - _uses().keys()
    assert not unknown, "pump these in this file"
    assert not gone, "these are not there any more"


def test_password_that_the_pattern_cannot_match_in_time_is_refused() -> None:
    check = password_rule(r"^(a+)+$")
    assert check("a" * 30) is None
    with pytest.raises(WeakPassword):
        check("a" * 71 + "!")


def test_normalization_equals_nfkc_for_texts_with_few_marks() -> None:
    text = "e\u0301" + "o\u0308\u0323" * 9 + "ﬁ K ｶﾞ \u0f73 Ａ" + "\u0327" * MAX_MARKS
    assert normalized("NFKC", text) == import_module("unicodedata").normalize("NFKC", text)


def test_unicode_characters_of_marks_only_are_known() -> None:
    unicodedata = import_module("unicodedata")
    module = import_module("portico.normalization")
    known = module._MADE_OF_MARKS | module._HALFWIDTH_MARKS  # noqa: SLF001
    found = {
        chr(code)
        for code in range(0x110000)
        if unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0])
        and not unicodedata.combining(chr(code))
    }
    assert found == known.keys()
