"""Collects the text of a streamed answer, for the outlets of filters."""

from portico.gateway.text_codecs import TextCodec
from portico.server_sent_events import EventSplitter, event_data


class TextCollector:
    """The text of the first choice of one stream."""

    def __init__(self, codec: TextCodec) -> None:
        self._codec, self._splitter = codec, EventSplitter()
        self._texts: list[str] = []

    def feed(self, block: bytes) -> None:
        """Read a block of the stream."""
        for event in self._splitter.feed(block):
            for part in self._codec.read(event_data(event)):
                if part.is_first and part.text and not part.is_repeat:
                    self._texts.append(part.text)

    def text(self) -> str:
        """Return the text so far."""
        return "".join(self._texts)
