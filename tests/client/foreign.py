"""A server that speaks no HTTP: to whatever comes it says one thing, and hangs up."""

import contextlib
import socket
import threading


class Foreign:
    """Says ``said`` to each connection that has sent something; its port is what ``with`` gives."""

    def __init__(self, said):
        self._said = said
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._take)

    def __enter__(self):
        self._thread.start()
        return self._socket.getsockname()[1]

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _take(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    connection.recv(65_536)
                    connection.sendall(self._said)
