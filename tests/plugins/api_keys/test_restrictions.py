"""What a key is good for."""

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
def test_two_lists_admit_together_what_each_of_them_admits(
    one: tuple[str, ...] | None, other: tuple[str, ...] | None, path: str
) -> None:
    def admits(paths: tuple[str, ...] | None) -> bool:
        return CredentialScope(endpoints=paths).allows(path, "area", reads=True)

    assert admits(intersect(one, other)) == (admits(one) and admits(other))


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
def test_what_is_no_path_admits_to_nothing(text: str, paths: tuple[str, ...]) -> None:
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
def test_words_say_what_is_done_where(
    scopes: set[str], read: bool, write: bool, elsewhere: bool
) -> None:
    bounds = CredentialScope(scopes=frozenset(scopes))
    assert bounds.allows("/x", "chats", reads=True) is read
    assert bounds.allows("/x", "chats", reads=False) is write
    assert bounds.allows("/x", "models", reads=True) is elsewhere
