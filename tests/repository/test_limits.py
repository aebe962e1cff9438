"""Limits that tests take from the code are pinned here, once: a test that imports its bound moves along with a mistake."""

import ast
import importlib
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PINNED: dict[str, float] = {
    "portico.catalogue.MAX_CHAIN_LENGTH": 8,
    "portico.upstream.source_client.MAX_PREPARED": 64,
    "portico.upstream.stream_relay.MAX_SKIPPED_BYTES": 32 * 1024 * 1024,
    "portico.db.MAX_IDS_PER_STATEMENT": 500,
    "portico.db.sqlite.file.CACHED_STATEMENTS": 192,
    "portico.cache.MAX_DOCUMENTS": 2000,
    "portico.cache.MAX_DOCUMENTS_OF_OWNER": 16,
    "portico.identity.MAX_USER_DATA_BYTES": 1048576,
    "portico.identity.groups.permission_tree.MAX_COMBINATIONS": 1024,
    "portico.identity.accounts.picture.MAX_DATA_URL_CHARS": 262144,
    "portico.metrics.MAX_LABEL_CHARS": 120,
    "portico.metrics.MAX_SERIES": 2000,
    "portico.normalization.MAX_MARKS": 30,
    "portico.permissions.access_grants.MAX_GRANTS": 4000,
    "portico.permissions.policies.parser.MAX_RULES": 10000,
    "portico.permissions.sharing.MAX_IDS": 1000,
    "portico.server.log_repeats.MAX_KINDS": 100,
    "portico.server.supervisor.CRASH_LOOP_SECONDS": 5.5,
    "portico.tasks.executor.MAX_BACKOFF_SECONDS": 600.0,
    "portico.tasks.recovery.CRASH_DELAY_SECONDS": 6.0,
    "portico.server.log_repeats.MAX_KINDS_OF_CLIENT": 8,
    "portico.encryption.encryptor.PREFIX_CHARS": 20,
    "portico.web.middleware.outer.MAX_PATH_CHARS": 2048,
    "portico.web.middleware.slow_readers.PIECE_BYTES": 65536,
    "portico.web.middleware.socket_inbox.MAX_BYTES": 1048576,
    "portico.web.request.body_scanner.BLOCK_BYTES": 65536,
    "portico.web.response.json_array.PIECE_BYTES": 262144,
    "portico.db.sqlite.statements.LARGE_CHARS": 524288,
    "portico.sockets.send_queue.MAX_PACKETS_PER_POLL": 16,
    "portico.catalogue.response_error.DEFAULT_RETRY_AFTER_SECONDS": 5,
    "portico_generation.answers.MAX_ANSWER_BYTES": 524288,
    "portico_generation.answers.MAX_QUESTIONS": 10,
    "portico_generation.answers.MAX_TITLE_CHARS": 200,
    "portico.prompts.visible_text.MAX_SHOWN_CHARS": 20000,
    "portico_chats.tags.names.MAX_TAG_CHARS": 128,
    "portico_chats.tags.names.MAX_TAGS_PER_CHAT": 100,
    "portico_chats.search.search.PAGE_SIZE": 60,
    "portico_chats.search.trigrams.TRIGRAM_CHARS": 3,
    "portico_chats.search.trigrams.MAX_LOOKUPS": 8,
    "portico_chats.storage.indexed_texts.MAX_PHRASE_CHARS": 1000,
    "portico_chats.storage.indexed_texts.PIECE_CHARS": 8000,
}


@cache
def imported() -> dict[str, float]:
    """Every number in capitals that a test module imports from the code, by its dotted name."""
    found: dict[str, float] = {}
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
                "portico"
            ):
                continue
            module = importlib.import_module(node.module or "")
            for name in (alias.name for alias in node.names if alias.name.isupper()):
                value = getattr(module, name)
                if isinstance(value, int | float):
                    found[f"{node.module}.{name}"] = value
    return found


def test_limit_imported_by_a_test_is_pinned() -> None:
    assert imported().keys() == PINNED.keys()


@pytest.mark.parametrize("name", PINNED)
def test_limit_has_its_decided_value(name: str) -> None:
    assert imported()[name] == PINNED[name]
