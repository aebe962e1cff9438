"""Search returns the same as comparing every text, whatever is in the index and whichever strategy is used."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.effort import examples
from tests.plugins.chats.search.conftest import ANN, BOB, STRATEGIES, Library, Note

from portico_chats.search.search import PAGE_SIZE
from portico_chats.storage import indexed_texts

#: Characters with a meaning in patterns, in SQL or in an index; and some of many scripts, in several forms.
LETTERS = "aab %_\\'\"*\n東京あ한e\u0301éßſ🙂İ.:-"
TEXT = st.text(st.sampled_from(LETTERS), max_size=12)
FLAG = st.booleans()


@st.composite
def some_notes(draw: Any) -> list[Note]:
    number = draw(st.integers(1, 7))
    return [
        Note(
            id=f"chat-{n}",
            owner=draw(st.sampled_from(("ann", "ann", "bob"))),
            title=draw(TEXT),
            messages={f"m{m}": draw(TEXT) for m in range(draw(st.integers(0, 3)))},
            updated_at=draw(st.integers(0, 3)),
            archived=draw(st.sampled_from((False, False, True))),
            pinned=draw(FLAG),
            shared=draw(FLAG),
            folder=draw(st.sampled_from((None, "work", "work-deep", "home"))),
            tags=draw(st.sampled_from(((), ("x",), ("x", "y")))),
        )
        for n in range(number)
    ]


OPERATORS = {
    "": lambda note: True,
    "tag:x": lambda note: "x" in note.tags,
    "tag:x tag:Y": lambda note: {"x", "y"} <= set(note.tags),
    "tag:none": lambda note: not note.tags,
    "folder:work": lambda note: note.folder in ("work", "work-deep"),
    "folder:work folder:home": lambda note: note.folder is not None,
    "folder:nowhere": lambda note: False,
    "pinned:true": lambda note: note.pinned,
    "shared:false pinned:false": lambda note: not (note.shared or note.pinned),
    "shared:true": lambda note: note.shared,
}


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), notes=some_notes())
def test_search_equals_comparison_of_every_text(
    library: Library, data: Any, notes: list[Note]
) -> None:
    library.clear()
    cut = data.draw(st.integers(0, len(notes)))
    library.add(*notes[:cut])
    if data.draw(FLAG, "indexed"):
        library.index_all()
    library.add(*notes[cut:])
    for note in data.draw(st.lists(st.sampled_from(notes), max_size=2)):
        library.set_messages(note, {"m0": data.draw(TEXT)})
    if data.draw(FLAG, "one is deleted"):
        library.remove(notes.pop())
    if data.draw(FLAG, "indexed again"):
        library.index_all()
    everything = [text for note in notes for text in (note.title, *note.messages.values())]
    for _ in range(4):
        whole = data.draw(st.sampled_from(everything) if everything else TEXT)
        start = data.draw(st.integers(0, max(len(whole) - 1, 0)))
        phrase = whole[start : start + data.draw(st.integers(1, 5))] or data.draw(TEXT)
        phrase = " ".join(word for word in phrase.strip().split(" ") if word)
        archived = data.draw(FLAG)
        operators = data.draw(st.sampled_from(sorted(OPERATORS)))
        actor = data.draw(st.sampled_from((ANN, BOB)))
        strategy = data.draw(st.sampled_from(sorted(STRATEGIES)))
        expected = sorted(
            (
                note
                for note in notes
                if note.owner == actor.id
                and note.archived == archived
                and OPERATORS[operators](note)
                and note.contains(phrase)
            ),
            key=lambda note: (-note.updated_at, note.id),
        )
        typed = f"{operators} {phrase} archived:{str(archived).lower()}"
        found = library.find(typed, actor=actor, bounds=STRATEGIES[strategy])
        assert found == [note.id for note in expected]


@pytest.fixture
def many(library: Library) -> Library:
    """300 chats; each contains a common word, every third a less common one, one a rare word."""
    library.add(
        *(
            Note(
                f"chat-{n:03}",
                title=f"Chat {n}",
                messages={
                    "m": "the weather" + (" in Lisbon" if n % 3 == 0 else ""),
                    "n": "東京の天気" + ("、zebra" if n == 7 else ""),
                },
                updated_at=n // 2,
            )
            for n in range(300)
        )
    )
    library.index_all()
    return library


#: What is searched for among the chats of `many`, and every how many of them contain it.
PHRASES = {"weather": 1, "th": 1, "lisbon": 3, "東京": 1, "天": 1, "": 1}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_search_pages_are_consecutive_and_end(many: Library, strategy: str) -> None:
    bounds = STRATEGIES[strategy]
    for phrase, every in PHRASES.items():
        numbers = sorted(range(0, 300, every), key=lambda n: (-(n // 2), n))
        expected = [f"chat-{n:03}" for n in numbers]
        pages = [many.find(phrase, page=page, bounds=bounds) for page in range(1, 8)]
        assert [chat for page in pages for chat in page] == expected, phrase
        assert {len(page) for page in pages} <= {PAGE_SIZE, len(expected) % PAGE_SIZE, 0}
        assert many.find(phrase, page=2**70, bounds=bounds) == []
        assert many.find(phrase, page=-1, bounds=bounds) == expected[:PAGE_SIZE]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rare_word_is_found_among_many_chats(many: Library, strategy: str) -> None:
    assert many.find("ZEBRA", bounds=STRATEGIES[strategy]) == ["chat-007"]
    assert many.find("zebras", bounds=STRATEGIES[strategy]) == []


def test_search_result_has_shape_of_list_item(library: Library) -> None:
    library.add(Note("one", title="Trip ideas", updated_at=5))
    assert library.page("trip") == [
        {"id": "one", "title": "Trip ideas", "updated_at": 5, "created_at": 0}
    ]


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    "text", ["%", "_", "%%", "50%_", "\\", "'", '"', "*", "a*", "-b", "(a+)+$"]
)
@pytest.mark.case("AB-59")
def test_pattern_characters_are_literal(library: Library, text: str, indexed: bool) -> None:
    library.add(Note("plain", messages={"m": "aaaa 50 percent bbb"}))
    library.add(Note("odd", messages={"m": f"it says {text}"}))
    if indexed:
        library.index_all()
    assert {tuple(library.find(text, bounds=strategy)) for strategy in STRATEGIES.values()} == {
        ("odd",)
    }


@pytest.mark.parametrize("indexed", [False, True])
def test_every_part_of_a_megabyte_text_is_found(library: Library, indexed: bool) -> None:
    text = " ".join(str(n * n) for n in range(110_000))[:1_000_000]
    library.add(Note("long", messages={"m": text}), Note("other", messages={"m": "something"}))
    if indexed:
        library.index_all()
    for start in (0, 7_990, 499_000, len(text) - 900):
        phrase = " ".join(text[start : start + 900].split())
        assert library.find(phrase, bounds=STRATEGIES["index"]) == ["long"]
        assert library.find(phrase, bounds=STRATEGIES["walk"]) == ["long"]
    library.set_messages(Note("long", messages={}), {"m": "short now"})
    assert [library.find(phrase, bounds=strategy) for strategy in STRATEGIES.values()] == [
        []
    ] * len(STRATEGIES)
    assert library.index_all() > (140 if indexed else 0)
    assert library.find("short", bounds=STRATEGIES["index"]) == ["long"]


def test_search_skips_texts_of_other_accounts(library: Library) -> None:
    library.add(Note("hers", title="secret plan"), Note("his", owner="bob", title="secret plan"))
    for _ in range(2):
        for strategy in STRATEGIES.values():
            assert library.find("secret", bounds=strategy) == ["hers"]
            assert library.find("secret", actor=BOB, bounds=strategy) == ["his"]
        library.index_all()


@pytest.mark.parametrize("operators", sorted(OPERATORS))
def test_operator_filters_chats(library: Library, operators: str) -> None:
    notes = [
        Note(
            f"chat-{n:02}",
            title="trip",
            pinned=bool(n & 1),
            shared=bool(n & 2),
            tags=((), ("x",), ("y",), ("x", "y"))[n // 4 % 4],
            folder=(None, "work", "work-deep", "home")[n // 16],
        )
        for n in range(0, 64)
    ]
    library.add(*notes, Note("archived", title="trip", archived=True))
    library.index_all()
    expected = [note.id for note in notes if OPERATORS[operators](note)]
    for phrase in ("", "trip"):
        for strategy in STRATEGIES.values():
            assert library.find(f"{operators} {phrase}", bounds=strategy) == expected[:PAGE_SIZE]
    assert library.find(f"archived:true {operators}") == (
        ["archived"] if OPERATORS[operators](Note("archived")) else []
    )


def test_folder_operator_without_folders_plugin_finds_nothing(library: Library) -> None:
    library.app.portico.context.services.remove("cabinet")
    library.add(Note("one", title="trip"))
    assert library.find("folder:work") == library.find("folder:work trip") == []


@pytest.mark.parametrize("settled", [False, True])
def test_replaced_and_deleted_texts_are_not_found(library: Library, settled: bool) -> None:
    notes = [Note(f"chat-{n}", title="walk", messages={"m": "old words"}) for n in range(4)]
    library.add(*notes)
    library.index_all()
    library.set_messages(notes[0], {"m": "new words"})
    library.app.run(indexed_texts.delete, "chat-1", ["m"])
    library.remove(notes[2])
    if settled:
        library.index_all()
    for strategy in STRATEGIES.values():
        assert library.find("old words", bounds=strategy) == ["chat-3"]
        assert library.find("new words", bounds=strategy) == ["chat-0"]
        assert library.find("walk", bounds=strategy) == ["chat-0", "chat-1", "chat-3"]
