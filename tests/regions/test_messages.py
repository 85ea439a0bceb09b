"""What goes over a link comes out as it went in, or is refused before it can do harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.regions.messages import Compared, News, Pull, Range, Reading, decode, encode
from tests.log.chains import THERE, chain
from tests.regions.nodes import news

MESSAGES = [
    news(chain(2, THERE), total=b"8 bytes.", reading=Reading(5, 6, 7, 8)),
    Pull("b" * 32, 3, (Range(THERE, 4),)),
    Compared(9, b"digest", 3, "ab12"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_out_as_it_went_in(message):
    assert decode(encode(message)) == message


def test_entries_come_out_as_they_went_in():
    read = decode(encode(MESSAGES[0]))
    assert isinstance(read, News)
    assert read.opened() == chain(2, THERE)


@given(st.data())
def test_a_bit_that_flips_is_noticed(data):
    body = bytearray(encode(data.draw(st.sampled_from(MESSAGES))))
    place = data.draw(st.integers(0, 8 * len(body) - 1))
    body[place // 8] ^= 1 << place % 8
    with pytest.raises(MessageError, match="checksum"):
        decode(bytes(body))


@given(st.binary(max_size=200))
def test_anything_else_is_refused(body):
    with pytest.raises(MessageError):
        decode(body)


def test_a_message_that_is_too_long_is_not_looked_at():
    with pytest.raises(MessageError, match="at most"):
        decode(bytes(limits.MESSAGE_BYTES_MAX + 1))


def test_a_message_with_too_many_entries_is_refused():
    entries = news(chain(1, THERE)).entries * (limits.MESSAGE_ENTRIES_MAX + 1)
    told = News(life="b" * 32, version=1, epoch=1, total=b"", entries=entries)
    with pytest.raises(MessageError, match="cannot be read"):
        decode(encode(told))
