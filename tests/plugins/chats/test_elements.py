"""Taking a JSON array in a file apart, wherever the blocks in which it is read happen to end."""

import json
import random
from io import BytesIO
from typing import Any

import pytest

from portico.api import Invalid
from portico_chats.transfer import elements

LETTERS = 'a"\\[]{},:é\n\U0001f600 '


def value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.randrange(6 if depth < 4 else 3)
    if kind < 3:
        return dice.choice([word(dice), dice.random(), None, True, ""])
    if kind == 3:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {word(dice): value(dice, depth + 1) for _ in range(dice.randrange(4))}


def word(dice: random.Random) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randrange(12)))


@pytest.mark.parametrize("block", [11, 12, 13, 17, 64, 1000])
def test_every_element_is_found_whatever_is_in_it(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elements, "BLOCK", block)
    dice = random.Random(block)
    for _ in range(300):
        items = [value(dice) for _ in range(dice.randrange(5))]
        text = json.dumps(items, indent=dice.choice([None, 1]), ensure_ascii=dice.random() < 0.5)
        wrapped = dice.choice([text, f"\n{text}\n", f'{{"chats":{text}}}'])

        found = list(elements.elements(BytesIO(wrapped.encode())))

        assert [json.loads(one.text) for one in found] == items
        for at, element in found:
            assert wrapped.encode()[at:].startswith(element)


@pytest.mark.parametrize("text", ["", " ", "5", "{}", '{"models":[]}', '"["'])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="no export of chats"):
        elements.elements(BytesIO(text.encode()))


@pytest.mark.parametrize("text", ["[", "[1", "[1,", '["]', '[{"a":[1]}', '["\\'])
def test_a_file_that_is_cut_off_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="cut off"):
        list(elements.elements(BytesIO(text.encode())))


def test_commas_too_many_leave_something_that_is_no_element() -> None:
    assert list(elements.elements(BytesIO(b"[1,]"))) == [(1, b"1"), (3, b"")]
    assert list(elements.elements(BytesIO(b"[,]"))) == [(1, b""), (2, b"")]


def test_an_element_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "BLOCK", 100)
    monkeypatch.setattr(elements, "LARGEST", 1000)
    with pytest.raises(Invalid, match="too large"):
        list(elements.elements(BytesIO(b'["' + b"x" * 2000 + b'"]')))
