"""The server that speaks HTTP: the one module that knows its library.

A client that is slow holds a connection, and there are only so many. The library waits as long as it takes for headers,
takes as many as come, and waits for ever for somebody who reads no answer; here all three have a bound. What comes
after the headers is bounded by the interface, which knows how large a body may be and for how long it is worth waiting.
"""

import asyncio
import contextlib
import re
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from homeroom import limits
from homeroom.errors import SettingsError

__all__ = ["Listening", "TakesWhole", "serve_until"]

_BACKLOG: Final = 2_048
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_CLOSE: Final = (b"connection", b"close")
_WATCHED: Final = b"/health/"
_PLAIN: Final = re.compile(rb"/[A-Za-z0-9._/-]*")
"""A path that stands for itself."""


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


Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Answer: TypeAlias = Callable[[int, Headers, bytes], None]


@runtime_checkable
class TakesWhole(Protocol):
    """An ASGI application that can answer a request that has come whole without a task of its own."""

    def whole(self, scope: Any, body: bytes, answer: Answer) -> bool:  # noqa: ANN401 - ASGI
        """Say whether this request will be answered so; then ``answer`` is called once, now or later.

        ``answer`` takes status, headers (a length among them) and body, in the thread of the event loop.
        """
        ...


class _Nothing:
    """What is set here has nobody who waits for it."""

    def set(self) -> None:
        """Do nothing."""


class _Whole:
    """A request that is answered without a task: it stands where the library keeps the one under way."""

    __slots__ = (
        "body",
        "disconnected",
        "keep_alive",
        "message_event",
        "more_body",
        "response_complete",
    )

    def __init__(self) -> None:
        self.body = b""
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NOTHING
        self.more_body = False
        self.response_complete = False


_NOTHING: Final = _Nothing()


class _BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not come in time, or are too many, or whose answer nobody takes.

    A request that is whole by the time that it is seen is offered to the application as such. Timers are set only for
    what does not come at once, and one that watches an idle connection is not set anew by each request.
    """

    header_s_max: float = 10.0
    untaken_s_max: float = limits.UNTAKEN_MS_MAX / 1_000
    takes_whole: TakesWhole | None = None
    waiting: dict["_BoundedProtocol", None]
    """Connections of this server that have no request under way, those first that have waited longest."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._is_head_due = True
        # Since when nothing has come, after an answer; None while something is under way.
        self._idle_since_s: float | None = None
        # What has come since the parser told of anything, and whether it has in what came last.
        self._untold_bytes, self._has_told = 0, False
        # What has come of the body of a request that may be whole.
        self._held: list[bytes] | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the library's
        super().connection_made(transport)
        self._expect_headers()
        self.waiting[self] = None
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._taken()
        self.waiting.pop(self, None)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Close whichever connection has waited longest for a request: one that says nothing must keep nobody out."""
        idle = next((one for one in self.waiting if one is not self), None)
        if idle is None:
            return
        del self.waiting[idle]
        self.connections.discard(idle)
        idle.give_way()

    def give_way(self) -> None:
        """Close the connection, on which no request is under way."""
        if self._is_head_due or self.flow.write_paused:
            self.transport.abort()
        else:  # what is under way of its last answer still goes out
            self.transport.close()

    # --- answers that nobody takes -----------------------------------------------------------------------------------

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

    # --- requests ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._is_head_due = True
        super().data_received(data)
        if self._held is not None:
            self._begin_in_parts()
        self._pass_over(len(data))
        if self._is_head_due and self._deadline is None and not self.transport.is_closing():
            self._expect_headers()

    def _pass_over(self, size_bytes: int) -> None:
        """Cut off who sends on and on within one header or trailer: the parser keeps it, and tells of it at its end."""
        self._untold_bytes = 0 if self._has_told else self._untold_bytes + size_bytes
        self._has_told = False
        if self._untold_bytes > limits.HEADER_BYTES_MAX:
            self._relax()
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._has_told = True
        self._header_bytes = 0
        self._is_head_due = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._has_told = True
        self._header_bytes += len(url)
        if self._header_bytes > limits.HEADER_BYTES_MAX:
            self._refuse_headers()
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._has_told = True
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > limits.HEADER_BYTES_MAX:
            self._refuse_headers()
        if self._held is None:  # else it comes behind the body, where nobody may say who they are
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._has_told = True
        self._is_head_due = False
        self._relax()
        self.waiting.pop(self, None)
        if self._may_be_whole():
            self._held = []
        else:
            self._begin()

    def _begin(self) -> None:
        """Begin a request as the library does, which refuses it where there are too many connections.

        Whoever watches the node is heard beyond that: else it would be taken for dead while it is only full.
        """
        bound = self.limit_concurrency
        if bound is not None and self.url.startswith(_WATCHED):
            self.limit_concurrency = bound + limits.WATCHING_CONNECTIONS_MAX
        try:
            super().on_headers_complete()
        finally:
            self.limit_concurrency = bound

    def on_body(self, body: bytes) -> None:
        self._has_told = True
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        if self._held is None:
            super().on_message_complete()
            return
        body = b"".join(self._held)
        if not self._is_whole(body):
            self._begin_in_parts()
            super().on_message_complete()

    def _refuse_headers(self) -> None:
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

    # --- requests that have come whole -------------------------------------------------------------------------------

    def _may_be_whole(self) -> bool:
        """Say whether a request is an ordinary one, and its turn is now."""
        parser, bound = self.parser, self.limit_concurrency
        return (
            self.takes_whole is not None
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not parser.should_upgrade()
            and parser.should_keep_alive()
            and parser.get_http_version() == "1.1"
            and (bound is None or max(len(self.connections), len(self.tasks)) < bound)
        )

    def _is_whole(self, body: bytes) -> bool:
        """Offer a request to the application; say whether it answers it."""
        assert self.takes_whole is not None, "some requests may be whole"
        path, _, query = self.url.partition(b"?")
        if not _PLAIN.fullmatch(path):
            return False
        scope: Any = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = self.root_path + path.decode("ascii")
        scope["raw_path"] = self.root_path.encode("ascii") + path
        scope["query_string"] = query
        before, request = self.cycle, _Whole()

        def answer(status: int, headers: Headers, body: bytes) -> None:
            self._answer(request, (status, headers, body))

        self._held, self.cycle = None, request  # type: ignore[assignment]
        if self.takes_whole.whole(scope, body, answer):
            return True
        self._held, self.cycle = [body], before
        return False

    def _begin_in_parts(self) -> None:
        """Begin a request as the library does, with what has come of its body."""
        held, self._held = self._held, None
        if self.parser is None or self.transport.is_closing():
            return
        self._begin()
        for body in held or ():
            super().on_body(body)

    def _answer(self, request: _Whole, answer: tuple[int, Headers, bytes]) -> None:
        request.response_complete = True
        if request.disconnected or self.transport.is_closing():
            return
        status, headers, body = answer
        is_last = not request.keep_alive or _CLOSE in headers
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            lines += (name, b": ", value, b"\r\n")
        if is_last and _CLOSE not in headers:
            lines += (_CLOSE[0], b": ", _CLOSE[1], b"\r\n")
        head = b"".join(lines)
        assert head.count(b"\n") == len(lines) // 4 + 1, "headers are lines"
        self.transport.write(b"%b\r\n%b" % (head, body))
        if is_last:  # whoever says that it closes must (RFC 9112, 9.6)
            self.transport.close()
        self.on_response_complete()

    # --- idle connections --------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since_s = self.loop.time()
        self.waiting[self] = None
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        """Something has come: the connection is not idle. The timer finds out when it goes off."""
        self._idle_since_s = None

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since_s is None:
            return
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._look_again(left_s)
        else:
            super().timeout_keep_alive_handler()


class _Server(uvicorn.Server):
    """Leaves signals to us, and says why it cannot listen where the library would end the process."""

    listening: Callable[[], None]
    handshake_s_max: float

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
                protocol,
                config.host,
                config.port,
                ssl=config.ssl,
                backlog=config.backlog,
                # Before the handshake nobody sees a connection, so nobody else could close it.
                ssl_handshake_timeout=None if config.ssl is None else self.handshake_s_max,
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
    takes_whole = app if isinstance(app, TakesWhole) else None
    bounds: dict[str, Any] = {
        "header_s_max": listening.header_s_max,
        "takes_whole": takes_whole,
        "waiting": {},
    }
    protocol = type("Protocol", (_BoundedProtocol,), bounds)
    config = _config(app, listening, protocol)
    try:
        config.load()
    except OSError as error:  # of the library for TLS too
        raise SettingsError(
            f"server.certificate or server.certificate_key cannot be used: {error.strerror or error}"
        ) from error
    server = _Server(config)
    server.handshake_s_max = listening.header_s_max
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
