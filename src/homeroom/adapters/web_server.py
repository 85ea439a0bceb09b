"""The server that speaks HTTP: the one module that knows its library.

A client that is slow holds a connection, and there are only so many. The library waits as long as it takes for headers,
takes as many as come, and waits for ever for somebody who reads no answer; here all three have a bound. What comes
after the headers is bounded by the interface, which knows how large a body may be and for how long it is worth waiting.
"""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homeroom import limits
from homeroom.errors import SettingsError

__all__ = ["Listening", "serve_until"]

_BACKLOG: Final = 2_048
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where and how a server listens; times in seconds. See the settings of the same names."""

    host: str
    port: int
    certificate: str | None = None
    certificate_key: str | None = None
    connections_max: int = 1_024
    header_s_max: float = 10.0
    idle_s_max: float = 75.0
    stop_s_max: float = 30.0


class _BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not come in time, or are too many, or whose answer nobody takes."""

    header_s_max: float = 10.0
    untaken_s_max: float = limits.UNTAKEN_MS_MAX / 1_000

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self._header_bytes = 0

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the library's
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._untaken = self.loop.call_later(self.untaken_s_max, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_headers()
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        if self._deadline is None:
            self._expect_headers()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._relax()
        super().on_headers_complete()

    def _count(self, size_bytes: int) -> None:
        self._header_bytes += size_bytes
        if self._header_bytes > limits.HEADER_BYTES_MAX:
            self._relax()
            self.transport.abort()
            raise ValueError("too many headers")  # the parser stops

    def _expect_headers(self) -> None:
        self._relax()
        self._deadline = self.loop.call_later(self.header_s_max, self._too_late)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abort()


class _Server(uvicorn.Server):
    """Leaves signals to us, and says why it cannot listen where the library would end the process."""

    listening: Callable[[], None]

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401, ARG002 - the library's
        config = self.config

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state={}
            )
            return made

        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(
                protocol, config.host, config.port, ssl=config.ssl, backlog=config.backlog
            )
        except OSError as error:
            raise SettingsError(
                f"the node cannot listen on {config.host} port {config.port}: {error.strerror}. Is another process "
                f"there already? Choose another with --port, or HOMEROOM_SERVER_PORT"
            ) from error
        self.servers = [listener]
        self.started = True
        self.listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_until(
    app: Any,  # noqa: ANN401 - an ASGI application
    listening: Listening,
    stopping: asyncio.Event,
    heard: Callable[[str], None],
) -> None:
    """Serve an application until ``stopping`` is set or a signal asks for it; then let requests under way finish.

    Parameters
    ----------
    app : an ASGI application
    listening : where and how
    stopping : ends the server; it is set by SIGTERM and SIGINT too
    heard : is told the address, once it answers

    Raises
    ------
    SettingsError
        It cannot listen there, or the certificate cannot be read.
    """
    protocol = type("Protocol", (_BoundedProtocol,), {"header_s_max": listening.header_s_max})
    config = _config(app, listening, protocol)
    try:
        config.load()
    except OSError as error:  # of the library for TLS too
        raise SettingsError(
            f"server.certificate or server.certificate_key cannot be used: {error.strerror or error}"
        ) from error
    server = _Server(config)
    server.listening = lambda: heard(_address(server, listening))
    loop = asyncio.get_running_loop()
    for one in _SIGNALS:
        with contextlib.suppress(RuntimeError, ValueError):  # not the main thread, or no signals
            loop.add_signal_handler(one, stopping.set)
    try:
        serving = asyncio.create_task(server.serve())
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        waiting.cancel()
        await serving
    finally:
        for one in _SIGNALS:
            with contextlib.suppress(
                RuntimeError, ValueError
            ):  # not the main thread, or no signals
                loop.remove_signal_handler(one)


def _config(app: Any, listening: Listening, protocol: type) -> uvicorn.Config:  # noqa: ANN401
    return uvicorn.Config(
        app,
        host=listening.host,
        port=listening.port,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=listening.connections_max,
        timeout_keep_alive=listening.idle_s_max,  # type: ignore[arg-type] # any number of seconds will do
        timeout_graceful_shutdown=listening.stop_s_max,  # type: ignore[arg-type]
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.certificate_key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )


def _address(server: uvicorn.Server, listening: Listening) -> str:
    port = server.servers[0].sockets[0].getsockname()[1]
    scheme = "http" if listening.certificate is None else "https"
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    return f"{scheme}://{host}:{port}"
