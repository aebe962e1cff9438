"""Restrictions of API keys: paths and scopes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.identity import CredentialScope
from portico_api_keys.restrictions import allowed_paths, intersect

PATHS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
LISTS = st.none() | st.lists(PATHS, max_size=4).map(tuple)


@given(LISTS, LISTS, PATHS)
def test_intersection_of_two_lists_allows_what_both_allow(
    one: tuple[str, ...] | None, other: tuple[str, ...] | None, path: str
) -> None:
    def allows(paths: tuple[str, ...] | None) -> bool:
        return CredentialScope(endpoints=paths).allows(path, "area", reads=True)

    assert allows(intersect(one, other)) == (allows(one) and allows(other))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", ()),
        (" , ,", ()),
        ("/api/models", ("/api/models",)),
        ("/api/models/, /api/v1/chats", ("/api/models", "/api/v1/chats")),
        ("/", ()),
        ("api,*,/a/../b,//a,/a b,https://x/api", ()),
        ("/api/v1/chats/{chat_id}", ("/api/v1/chats/{chat_id}",)),
    ],
)
def test_entries_that_are_not_paths_are_ignored(text: str, paths: tuple[str, ...]) -> None:
    assert allowed_paths(text) == paths


@pytest.mark.parametrize(
    ("scopes", "read", "write", "elsewhere"),
    [
        ({"read"}, True, False, True),
        ({"write"}, False, True, False),
        ({"chats"}, True, True, False),
        ({"chats:read"}, True, False, False),
        ({"chats:write"}, False, True, False),
        ({"models:read", "chats:write"}, False, True, True),
    ],
)
def test_scope_allows_its_verbs_in_its_area(
    scopes: set[str], read: bool, write: bool, elsewhere: bool
) -> None:
    scope = CredentialScope(scopes=frozenset(scopes))
    assert scope.allows("/x", "chats", reads=True) is read
    assert scope.allows("/x", "chats", reads=False) is write
    assert scope.allows("/x", "models", reads=True) is elsewhere
