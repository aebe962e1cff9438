"""The text of a message in the making: reasoning and tool calls as clients display them, and its journal."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico_completions.replies.message_text import (
    MessageText,
    TextChange,
    ToolCall,
    finished_text,
    text_after,
)
from portico_completions.replies.reasoning_tags import tags_of

THREE_SECONDS = """<details type="reasoning" done="true" duration="3">
<summary>Thought for 3 seconds</summary>
&gt; first &lt;line&gt;
&gt; second
</details>
"""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def text_of(pieces: Sequence[str]) -> str:
    text = MessageText(clock=lambda: 0.0)
    for piece in pieces:
        text.append(piece)
    text.close()
    return text.text()


def cut(text: str, places: Sequence[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    begins = [0, *ends]
    return [text[begin:end] for begin, end in zip(begins, ends, strict=False)]


def test_text_grows_and_is_trimmed() -> None:
    text = MessageText()
    text.append("\n Hel")
    text.append("lo ")
    assert text.text() == "Hello"
    text.append("world\n")
    assert text.text() == "Hello world"


def test_existing_text_is_continued() -> None:
    text = MessageText("Once upon")
    text.append(" a time")
    text.close()
    assert text.text() == "Once upon a time"


def test_reasoning_of_a_field_is_displayed_while_and_after_it_grows() -> None:
    clock = Clock()
    text = MessageText(clock=clock)
    text.append_reasoning("first <line>\nsec")
    assert text.text() == (
        '<details type="reasoning" done="false">\n<summary>Thinking…</summary>\n'
        "&gt; first &lt;line&gt;\n&gt; sec\n</details>"
    )
    text.append_reasoning("ond")
    clock.seconds += 3.9
    text.append("The answer")
    assert text.text() == THREE_SECONDS + "The answer"


def test_reasoning_between_tags_is_displayed_like_that_of_a_field() -> None:
    clock = Clock()
    text = MessageText(clock=clock)
    for piece in ("<th", "ink>first <line>", "\nsecond</thi"):
        text.append(piece)
    clock.seconds += 3
    text.append("nk>\n\nThe answer")
    assert text.text() == THREE_SECONDS + "The answer"


def test_text_before_reasoning_stays_before_it() -> None:
    assert text_of(["Well: <think>hm</think> yes"]) == (
        'Well: \n<details type="reasoning" done="true" duration="0">\n'
        "<summary>Thought for 0 seconds</summary>\n&gt; hm\n</details>\nyes"
    )


def test_empty_reasoning_is_left_out() -> None:
    assert text_of(["<think>", "\n\n", "</think>", "yes"]) == "yes"


def test_reasoning_that_never_ends_is_closed_with_the_text() -> None:
    assert text_of(["<think>on and on"]).endswith("&gt; on and on\n</details>")
    assert 'done="true"' in text_of(["<think>on and on"])


def test_configured_tags_replace_the_default_and_false_disables_them() -> None:
    text = MessageText(tags=tags_of(["[[", "]]"]), clock=lambda: 0.0)
    text.append("[[a]]<think>b</think>")
    assert text.text().endswith("</details>\n<think>b</think>")
    text = MessageText(tags=tags_of(False))
    text.append("<think>b</think>")
    assert text.text() == "<think>b</think>"
    for invalid in (None, True, 5, [], ["a"], ["", "b"], ["a", 1], ["a" * 200, "b"], {}):
        assert ("<think>", "</think>") in tags_of(invalid)


def test_tool_calls_are_displayed_once_at_the_end() -> None:
    text = MessageText()
    text.append("Let me look.")
    text.close([ToolCall("call_1", 'get"weather', '{"city": "Bern"}')])
    assert text.text() == (
        'Let me look.\n<details type="tool_calls" done="true" id="call_1" name="get&quot;weather" '
        'arguments="{&quot;city&quot;: &quot;Bern&quot;}" result="" files="" embeds="">\n'
        "<summary>Tool Call</summary>\n</details>"
    )


def test_interrupted_text_ends_its_reasoning() -> None:
    text = MessageText()
    text.append_reasoning("because")
    assert finished_text(text.text()) == (
        '<details type="reasoning" done="true" duration="0">\n'
        "<summary>Thought for 0 seconds</summary>\n&gt; because\n</details>"
    )
    assert finished_text("plain ") == "plain"


MODEL_TEXTS = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<", "think>", "◁think▷", "◁/think▷", " ", "\n", "a", "&", "ü"]
    ),
    max_size=30,
).map("".join)
PLACES = st.lists(st.integers(0, 400), max_size=12)


@given(MODEL_TEXTS, PLACES)
def test_text_does_not_depend_on_where_the_stream_is_divided(text: str, places: list[int]) -> None:
    assert text_of(cut(text, places)) == text_of([text])


STEPS = st.lists(st.tuples(st.booleans(), MODEL_TEXTS, st.booleans()), max_size=12)


@given(st.sampled_from(["", "before "]), STEPS)
def test_journal_always_yields_the_text(before: str, steps: list[tuple[bool, str, bool]]) -> None:
    text = MessageText(before, clock=lambda: 0.0)
    journal: list[TextChange] = []

    def check() -> None:
        while (change := text.take_change()) is not None:
            journal.append(change)
        assert text_after(journal).strip() == text.text()

    for is_reasoning, piece, is_written in steps:
        append: Callable[[str], None] = text.append_reasoning if is_reasoning else text.append
        append(piece)
        if is_written:
            check()
    text.close()
    check()


def test_journal_of_a_long_text_contains_each_piece_once() -> None:
    text, written = MessageText(), 0
    for _ in range(2000):
        text.append("0123456789")
        change = text.take_change()
        assert change is not None
        written += len(change.text)
    assert written == 20_000


@pytest.mark.parametrize("text", ["<", "<thin", "<think", "◁", "<think></think", "</think>", "\n"])
def test_text_full_of_half_tags_takes_linear_time(text: str) -> None:
    hostile = text * (2_000_000 // len(text))  # with quadratic work the test would time out
    shown = text_of([hostile[at : at + 100_000] for at in range(0, len(hostile), 100_000)])
    assert len(shown) <= 5 * len(hostile)
