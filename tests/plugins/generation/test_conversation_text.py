"""What a task model is shown of a conversation."""

from portico.api.interfaces import ChatMessage
from portico_generation.conversation_text import ConversationLines, last_user_text


def test_lines_have_roles_and_prepared_texts() -> None:
    lines = ConversationLines(
        [ChatMessage("user", "Hi ![](x)"), ChatMessage("assistant", "<details>t</details>Ho")]
    )
    assert list(lines) == ["USER: Hi", "ASSISTANT: Ho"]
    assert lines[-1:] == ["ASSISTANT: Ho"]
    assert lines[0] == "USER: Hi"
    assert len(lines) == 2


def test_last_user_text_is_the_last_of_the_user() -> None:
    messages = [ChatMessage("user", "1"), ChatMessage("user", "2"), ChatMessage("assistant", "3")]
    assert last_user_text(messages) == "2"
    assert last_user_text([]) == ""
