"""A proxy before a node that loses, delays, repeats and refuses requests, as it is told."""

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

BUSY = b'{"type": "/docs#unavailable", "title": "The node takes nothing now", "status": 503, "detail": "busy"}'
TOO_LARGE = b'{"type": "/docs#too-large", "title": "The request is too large", "status": 413, "detail": "x"}'
FAULTS = ("refuse", "lose", "half", "busy", "many", "page", "twice", "late")
"""Nothing is forwarded; the answer is lost; half of it is; 503; 429; a proxy's own 502; forwarded twice; too late."""
KEPT = ("content-type", "content-encoding", "idempotency-key", "authorization", "homeroom-after")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def log_message(self, *_: object) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.keys.add(self.headers.get("Authorization"))
        if self.path == "/v1/routes" and self.server.routes is not None:
            self.server.asked_for_routes.set()
            self._answer(200, {"Content-Type": "application/json"}, self.server.routes)
            return
        fault = self.server.next_fault(self.command, self.path)
        if fault == "refuse":
            self._hang_up()
        elif fault in ("busy", "many"):
            self._answer(503 if fault == "busy" else 429, {"Retry-After": "0"}, BUSY)
        elif self.server.is_too_large(self._plain(body)):
            self._answer(413, {}, TOO_LARGE)
        elif fault == "page":
            self._answer(502, {"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>")
        else:
            self._forward(body, fault)

    do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - the library's names

    def _forward(self, body: bytes, fault: str | None) -> None:
        given = {k: v for k, v in self.headers.items() if k.lower() in KEPT or k.startswith("If-")}
        for _ in range(2 if fault == "twice" else 1):
            answer = self.server.http.request(self.command, self.path, headers=given, content=body)
        if fault == "lose":
            self._hang_up()
        elif fault == "late":
            self.connection.recv(1)  # until the client hangs up
            self._hang_up()
        elif fault == "half":
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content[: len(answer.content) // 2])
            self._hang_up()
        else:
            headers = {k: v for k, v in answer.headers.items() if k not in ("date", "server")}
            self._answer(answer.status_code, headers, answer.content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if status != 502:
            headers = {"Content-Type": "application/problem+json", **_titled(headers)}
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may have gone
            self.wfile.write(body)

    def _plain(self, body: bytes) -> bytes:
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _hang_up(self) -> None:
        self.close_connection = True


def _titled(headers: dict[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}


class Proxy(ThreadingHTTPServer):
    """Forwards to a node; ``fault`` says of each request, by method and path, what befalls it (None: nothing)."""

    daemon_threads = True

    def __init__(self, target: str, fault: Callable[[str, str], str | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.http = httpx.Client(base_url=target, timeout=60, trust_env=False)
        self.fault = fault
        self.batch_events_max: int | None = None
        self.met: list[str | None] = []
        self.routes: bytes | None = None  # what it says of routes; None: what the node does
        self.asked_for_routes = threading.Event()
        self.keys: set[str | None] = set()  # that came along with requests
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_fault(self, method: str, path: str) -> str | None:
        with self._lock:
            fault = self.fault(method, path)
            self.met.append(fault)
        return fault

    def is_too_large(self, body: bytes) -> bool:
        """Say whether a batch has more lines than this proxy lets through."""
        most = self.batch_events_max
        return most is not None and body.count(b"\n") > most

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that hang up: that is what is tested."""


@contextlib.contextmanager
def proxied(target: str, fault: Callable[[str, str], str | None]) -> Iterator[Proxy]:
    """Have a proxy before a node."""
    proxy = Proxy(target, fault)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        proxy.http.close()
