"""Addresses of this machine at which connections are never made: what listens there takes nobody any more."""

import contextlib
import socket
from collections.abc import Iterator

_FILLING = 4


@contextlib.contextmanager
def hanging(port: int, *hosts: str) -> Iterator[None]:
    """Have a port hang at some addresses of the loopback, as behind a firewall that drops what comes."""
    with contextlib.ExitStack() as stack:
        for host in hosts:
            one = stack.enter_context(socket.socket())
            one.bind((host, port))
            one.listen(0)
            for _ in range(_FILLING):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    client.connect((host, port))
        yield


def named(monkeypatch, names: dict[str, list[str]]) -> None:
    """Have names of a test stand for addresses, in this order; all others are looked up as ever."""
    look_up = socket.getaddrinfo

    def found(host, port, *args, **kwargs):
        text = host.decode() if isinstance(host, bytes) else host
        if text not in names:
            return look_up(host, port, *args, **kwargs)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, int(port))) for address in names[text]]

    monkeypatch.setattr(socket, "getaddrinfo", found)
