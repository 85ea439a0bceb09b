"""A connection that breaks is told with its address, so that a wrong port is seen; with no password of the address."""

import httpx
import pytest

from homeroom.client.connecting import failed
from homeroom.client.measures import Loss
from tests.client.foreign import Foreign


@pytest.mark.parametrize(
    "error", [httpx.ReadError("x"), httpx.RemoteProtocolError("Server disconnected")]
)
def test_a_connection_that_broke_is_told_with_its_address_and_nothing_secret(error):
    found = failed(error, "http://somebody:secret@127.0.0.1:22")
    assert found.loss is Loss.BROKEN
    assert found.why == f"the connection to 127.0.0.1:22 broke ({type(error).__name__})"


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n\r\n", b"\x15\x03\x01", b"\r\n\r\n"])
def test_what_speaks_no_http_is_told_as_that(said):
    with Foreign(said) as port, pytest.raises(httpx.RemoteProtocolError) as caught:
        httpx.get(f"http://127.0.0.1:{port}", trust_env=False)
    found = failed(caught.value, f"http://somebody:secret@127.0.0.1:{port}")
    assert found.loss is Loss.BROKEN
    assert found.why == (
        f"what answers at 127.0.0.1:{port} does not speak HTTP; is it the address of a node?"
    )
