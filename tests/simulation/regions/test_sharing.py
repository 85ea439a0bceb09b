"""What is worked out once for all simulated nodes is still worked out for what is not the same."""

import pytest

from homeroom.errors import MessageError
from homeroom.regions.messages import Compared, encode
from homeroom.simulation.regions import sharing as sharing_module
from homeroom.simulation.regions.machine import is_signed, signature_of
from homeroom.simulation.regions.sharing import Sharing

DIGEST, OTHER = bytes(32), bytes([1]) * 32


def test_a_message_is_read_once_for_all_nodes():
    body = encode(Compared(1, b"a", 2, "f"))
    sharing = Sharing(is_signed)
    assert sharing.read(body) is sharing.read(bytes(bytearray(body)))
    assert sharing.read(body)[0] == Compared(1, b"a", 2, "f")


def test_a_message_that_was_damaged_is_another_one_and_refused_each_time():
    sharing = Sharing(is_signed)
    body = encode(Compared(1, b"a", 2, "f"))
    sharing.read(body)
    damaged = body[:-1] + bytes([body[-1] ^ 1])
    for _ in range(2):
        with pytest.raises(MessageError, match="damaged"):
            sharing.read(damaged)


def test_a_forged_signature_fails_after_the_right_one_was_seen():
    sharing = Sharing(is_signed)
    right = signature_of("here", DIGEST)
    forged = bytes(64)
    for _ in range(2):
        assert sharing.is_signed("here", DIGEST, right)
        assert not sharing.is_signed("here", DIGEST, forged)
        assert not sharing.is_signed("there", DIGEST, right)
        assert not sharing.is_signed("here", OTHER, right)


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(sharing_module, "_KEPT_MAX", 3)
    sharing = Sharing(is_signed)
    for check in range(20):
        sharing.read(encode(Compared(check, b"", 0, "")))
        assert len(sharing._read) <= 3
