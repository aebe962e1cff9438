"""Text in an answer, as codecs find it."""

from typing import NamedTuple


class ChoiceText(NamedTuple):
    """Text of one choice of a chat, by its index; of responses and messages, of one text, by its place.

    `is_last`: the choice ends with this text. `is_end`: it has ended before this event. `is_repeat`: the event repeats the
    whole text. `is_first`: it belongs to the first choice, whose text is stored.
    """

    choice: int
    text: str
    is_last: bool = False
    is_end: bool = False
    is_repeat: bool = False
    is_first: bool = True
