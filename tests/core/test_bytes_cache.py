"""Lists that are remembered: within their moment, within their room."""

import pytest

from portico.cache import MAX_DOCUMENTS, MAX_DOCUMENTS_OF_OWNER, BytesCache


def test_a_document_is_good_for_its_key_alone() -> None:
    documents = BytesCache(moment=3600)
    documents.put(("ann", 1), b"one")

    assert documents.get(("ann", 1)) == b"one"
    assert documents.get(("ann", 2)) is None
    assert documents.get(("bob", 1)) is None


def test_without_a_moment_nothing_is_remembered() -> None:
    documents = BytesCache(moment=0)
    documents.put("key", b"one")

    assert documents.get("key") is None


def test_those_used_longest_ago_make_room() -> None:
    documents = BytesCache(moment=3600, max_bytes=30)
    for number in range(3):
        documents.put(number, b"x" * 10)
    documents.get(0)

    documents.put(3, b"x" * 10)

    assert [number for number in range(4) if documents.get(number)] == [0, 2, 3]


def test_one_that_is_kept_again_takes_its_room_once() -> None:
    documents = BytesCache(moment=3600, max_bytes=30)
    for _ in range(10):
        documents.put("same", b"x" * 15)
    documents.put("other", b"x" * 15)

    assert documents.get("same")
    assert documents.get("other")


def test_one_that_is_larger_than_all_room_is_not_kept() -> None:
    documents = BytesCache(moment=3600, max_bytes=30)
    documents.put("small", b"x")
    documents.put("large", b"x" * 31)

    assert documents.get("large") is None
    assert documents.get("small")


def test_small_documents_are_counted_and_long_keys_are_not_kept() -> None:
    documents = BytesCache(moment=3600)
    for number in range(MAX_DOCUMENTS + 100):
        documents.put(number, b"")
    assert len(documents) == MAX_DOCUMENTS

    documents.put(("ann", "x" * 5000), b"")
    assert documents.get(("ann", "x" * 5000)) is None


def test_the_queries_of_one_account_do_not_push_out_those_of_others() -> None:
    documents = BytesCache(moment=3600)
    documents.put("list", b"everybody's")
    documents.put(("ann", ""), b"ann's", "ann")
    for number in range(5000):
        documents.put(("eve", f"phrase {number}"), b"", "eve")

    assert documents.get("list") and documents.get(("ann", ""))
    assert len(documents) == 2 + MAX_DOCUMENTS_OF_OWNER


def test_what_is_stale_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("portico.cache.time.monotonic", lambda: clock[0])
    documents = BytesCache(moment=10)
    for number in range(100):
        documents.put(number, b"x", f"{number % 10}")
    clock[0] = 11
    documents.put("new", b"x")
    assert len(documents) == 1 and not documents._of_owner
