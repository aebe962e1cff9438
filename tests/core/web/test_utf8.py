"""UTF-8 that is checked and decoded block by block."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.web.request import utf8
from portico.web.request.utf8 import decode_utf8, first_invalid_byte


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode), st.integers(1, 9))
def test_result_does_not_depend_on_block_boundaries(text: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utf8, "_BLOCK_BYTES", size)
        try:
            expected = text.decode()
        except UnicodeDecodeError as error:
            assert first_invalid_byte(text) == error.start
            with pytest.raises(UnicodeDecodeError):
                decode_utf8(text)
        else:
            assert first_invalid_byte(text) is None
            assert decode_utf8(text) == expected


def test_decoding_emojis_takes_less_than_three_times_their_bytes() -> None:
    text = "é🙂".encode() * 1_000_000
    tracemalloc.start()
    try:
        decode_utf8(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(text)
