"""The byte cache: expiry and limits."""

import pytest

from portico.cache import MAX_DOCUMENTS, MAX_DOCUMENTS_OF_OWNER, BytesCache


def test_document_is_returned_for_its_key_only() -> None:
    documents = BytesCache(ttl_seconds=3600)
    documents.put(("ann", 1), b"one")

    assert documents.get(("ann", 1)) == b"one"
    assert documents.get(("ann", 2)) is None
    assert documents.get(("bob", 1)) is None


def test_ttl_of_zero_caches_no_document() -> None:
    documents = BytesCache(ttl_seconds=0)
    documents.put("key", b"one")

    assert documents.get("key") is None


def test_least_recently_used_documents_are_dropped() -> None:
    documents = BytesCache(ttl_seconds=3600, max_bytes=30)
    for number in range(3):
        documents.put(number, b"x" * 10)
    documents.get(0)

    documents.put(3, b"x" * 10)

    assert [number for number in range(4) if documents.get(number)] == [0, 2, 3]


def test_replaced_document_counts_once() -> None:
    documents = BytesCache(ttl_seconds=3600, max_bytes=30)
    for _ in range(10):
        documents.put("same", b"x" * 15)
    documents.put("other", b"x" * 15)

    assert documents.get("same")
    assert documents.get("other")


def test_document_over_the_limit_is_not_cached() -> None:
    documents = BytesCache(ttl_seconds=3600, max_bytes=30)
    documents.put("small", b"x")
    documents.put("large", b"x" * 31)

    assert documents.get("large") is None
    assert documents.get("small")


def test_number_of_documents_and_length_of_keys_are_limited() -> None:
    documents = BytesCache(ttl_seconds=3600)
    for number in range(MAX_DOCUMENTS + 100):
        documents.put(number, b"")
    assert len(documents) == MAX_DOCUMENTS

    documents.put(("ann", "x" * 5000), b"")
    assert documents.get(("ann", "x" * 5000)) is None


def test_documents_of_one_account_do_not_displace_others() -> None:
    documents = BytesCache(ttl_seconds=3600)
    documents.put("list", b"shared")
    documents.put(("ann", ""), b"ann's", "ann")
    for number in range(5000):
        documents.put(("eve", f"phrase {number}"), b"", "eve")

    assert documents.get("list") and documents.get(("ann", ""))
    assert len(documents) == 2 + MAX_DOCUMENTS_OF_OWNER


def test_expired_documents_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("portico.cache.time.monotonic", lambda: clock[0])
    documents = BytesCache(ttl_seconds=10)
    for number in range(100):
        documents.put(number, b"x", f"{number % 10}")
    clock[0] = 11
    documents.put("new", b"x")
    assert len(documents) == 1 and not documents._keys_of_owner
