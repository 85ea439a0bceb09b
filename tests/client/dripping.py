"""A server that gives and takes one byte at a time, always just before anybody gives up waiting for the next one."""

import contextlib
import socket
import threading

DRIP_S = 0.03
# So many that a client that waits for all of them fails its test instead of holding it up.
DROPS_MAX = 100
SLOW_HEADERS = b"HTTP/1.1 200 OK\r\nx: "
SLOW_BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
SLOW_REFUSAL = b"HTTP/1.1 503 Not now\r\ncontent-length: 1000000\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
SLOW_TAKING = b""


class Dripping:
    """Begins each answer with ``first`` and then drips; ``path`` is the one that it does so for, None for all."""

    def __init__(self, first, path=None):
        self.first, self.path = first, path
        self.asked = threading.Semaphore(0)  # released by each request that is answered by drops
        self._stopped = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._take)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _take(self):
        if self.first == SLOW_TAKING:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                connection.settimeout(5)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while not self._stopped.is_set():
                asked = connection.recv(1 if self.first == SLOW_TAKING else 65_536)
                if not asked:
                    return
                if self.path is not None and self.path not in asked:
                    connection.sendall(ANSWER)
                    continue
                self.asked.release()
                self._drip(connection)

    def _drip(self, connection):
        connection.sendall(self.first)
        for _ in range(DROPS_MAX):
            if self._stopped.wait(DRIP_S):
                return
            if self.first == SLOW_TAKING:
                connection.recv(2_048)
            else:
                connection.sendall(b"a")
