"""A connection that breaks is told with its address, so that a wrong port is seen; with no password of the address."""

import asyncio
import contextlib
import socketserver
import threading

import httpx
import pytest

from homeroom.client import AsyncClient, Client, ClientOptions
from homeroom.client.connecting import failed
from homeroom.client.measures import Loss
from homeroom.errors import SettingsError, UnavailableError
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


@contextlib.contextmanager
def noting():
    """Have a server that notes from where it is called, and answers nobody; its address, and what it noted."""
    came = []

    class Note(socketserver.BaseRequestHandler):
        def handle(self):
            came.append(self.client_address[0])

    with socketserver.TCPServer(("127.0.0.1", 0), Note) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", came
        finally:
            server.shutdown()
            thread.join()


def test_both_clients_connect_from_the_address_that_they_are_given():
    options = ClientOptions(source="127.0.0.9", time_s_max=0.5)

    async def ask(url):
        async with AsyncClient(url, "key", options) as client:
            await client.status()

    with noting() as (url, came):
        with Client(url, "key", options) as client, pytest.raises(UnavailableError):
            client.status()
        assert set(came) == {"127.0.0.9"}
        came.clear()
        with pytest.raises(UnavailableError):
            asyncio.run(ask(url))
        assert set(came) == {"127.0.0.9"}


def test_a_source_that_is_no_address_is_refused():
    with pytest.raises(SettingsError, match="source is 'here', must be an address"):
        ClientOptions(source="here")
