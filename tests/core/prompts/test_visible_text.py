"""The text of a message as a person reads it."""

import pytest

from portico.prompts.visible_text import MAX_SHOWN_CHARS, shown_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ('<details type="reasoning" done="true">\n> thought\n</details>\nAnswer', "Answer"),
        ("a <DETAILS>x</DETAILS > b", "a  b"),
        ("a<details>1<details>2</details>3</details>b", "ab"),
        ("a<details>1</details>b<details>2</details>c", "abc"),
        ("a <details>without an end", "a <details>without an end"),
        ("a <details>1<details>2</details> b", "a <details>1 b"),
        ("no start</details> of it", "no start</details> of it"),
        ("<detailsx>kept</detailsx>", "<detailsx>kept</detailsx>"),
        ("see ![a cat](data:image/png;base64,AAAA) here", "see  here"),
        ("![](x)![](y)z", "z"),
        ("[a link](https://example.org)", "[a link](https://example.org)"),
        ("![a] and [a link](x)", "![a] and [a link](x)"),
        ("![a cat](without an end", "![a cat](without an end"),
    ],
)
def test_details_and_pictures_are_left_out(text: str, shown: str) -> None:
    assert shown_text(text) == shown


def test_middle_of_a_long_message_is_left_out() -> None:
    shown = shown_text("a" * 3_000_000 + "b" * 3_000_000)
    assert shown.startswith("aaa")
    assert shown.endswith("bbb")
    assert len(shown) < MAX_SHOWN_CHARS + 10


def test_answer_behind_long_reasoning_is_shown() -> None:
    reasoning = '<details type="reasoning">' + "thought " * 100_000 + "</details>\n"
    assert shown_text(reasoning + "The answer.") == "The answer."
