"""A connection that breaks is told with its address, so that a wrong port is seen; with no password of the address."""

import httpx
import pytest

from homeroom.client.connecting import failed
from homeroom.client.measures import Loss


@pytest.mark.parametrize("error", [httpx.ReadError("x"), httpx.RemoteProtocolError("SSH-2.0")])
def test_a_connection_that_broke_is_told_with_its_address_and_nothing_secret(error):
    found = failed(error, "http://somebody:secret@127.0.0.1:22")
    assert found.loss is Loss.BROKEN
    assert found.why == f"the connection to 127.0.0.1:22 broke ({type(error).__name__})"
