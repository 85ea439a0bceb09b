"""The fabric over NATS: messages between nodes of different machines and regions (core publish and subscribe).

A message goes out under ``homeroom.WORLD.TO.FROM``. The servers let a node publish under its own name alone, so the
last word of the subject is true (`homeroom.adapters.nats_servers`). NATS keeps nothing and neither does this: what is
to go out, and what has come and is not taken, is bounded; the oldest is dropped and counted, and while there is no
connection nothing is taken at all. What is lost is asked for again by whoever misses it, from a log.

A connection has one life, and then there is another, for ever. The way not taken is the client's own reconnecting: it
keeps what was written before the break and sends it afterwards, when it is stale, and gives up for good at some errors.
What belongs to the network runs in a thread and a loop of its own, so that no burst of messages keeps a client waiting.

What gains by it is compressed; entries are so already. A packed message begins with a byte that says how it is packed.
"""

import asyncio
import contextlib
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from homeroom import limits
from homeroom.errors import KeyFileError, MessageError, SettingsError
from homeroom.regions.fabric import Box, Carried, FabricState, check_length

__all__ = ["NatsFabric", "NatsOptions", "pack", "unpack"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PLAIN, _ZSTD = b"\x00", b"\x01"
_SIZE_BYTES: Final = 4
_CODEC: Final = pa.Codec("zstd", compression_level=1)
_TIMING: Final[Mapping[str, Any]] = {
    "connect_timeout": limits.FABRIC_CONNECT_MS_MAX / 1_000,
    "ping_interval": limits.FABRIC_PING_MS / 1_000,
    "max_outstanding_pings": 2,
    "flush_timeout": limits.FABRIC_PING_MS / 1_000,
    # Each server is tried twice; then the connection is given up, and another one begun.
    "max_reconnect_attempts": 1,
    "reconnect_time_wait": limits.FABRIC_WAIT_MS / 1_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsOptions:
    """Where a node meets the fabric, and as whom.

    Attributes
    ----------
    world, node : their names; part of the subjects
    addresses : of the servers, ``tls://host:port``; any of them will do
    certificate, certificate_key : files that say who the node is (PEM)
    authority : file of the authority that vouches for servers (PEM)
    """

    world: str
    node: str
    addresses: tuple[str, ...]
    certificate: Path
    certificate_key: Path
    authority: Path


class NatsFabric:
    """The fabric of one node over NATS; see `homeroom.regions.fabric.Fabric`.

    Raises
    ------
    SettingsError
        A name or an address cannot be used, or a certificate cannot be read.
    KeyFileError
        Others may read the key.
    """

    def __init__(self, options: NatsOptions) -> None:
        for what, name in (("world", options.world), ("node", options.node)):
            if not _NAME.fullmatch(name):
                raise SettingsError(
                    f"the name of the {what} is {name[:80]!r}; it must be small letters, digits and hyphens, at most 63"
                )
        if not options.addresses:
            raise SettingsError(
                "the region of this node has no `fabric`; give the addresses of its servers in the file of regions"
            )
        _tls(options)
        self._options = options
        self._lock = threading.Lock()
        self._peers: dict[str, Carried] = {}
        self._in = Box(self._dropped)
        self._out = Box(self._dropped)
        self._packed = b"", b""
        self._connected, self._was_up = False, False
        self._is_closed = False
        self._why = "it has not been tried yet"
        self._refused = ""
        self._since_s = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    # --- what the node calls -----------------------------------------------------------------------------------------

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to connect, and say from now on when something has come; it returns before there is a connection."""
        assert self._thread is None, "a fabric is started once"
        assert not self._is_closed, "a closed fabric does not start"
        self._in.wake = wake
        logging.getLogger("asyncio").addFilter(_QUIET)
        began = threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(began,), name="homeroom-fabric", daemon=True
        )
        self._thread.start()
        began.wait()

    def send(self, to: str, body: bytes) -> None:
        """Hand a message over; without a connection it is dropped at once."""
        check_length(to, body)
        if not _NAME.fullmatch(to):
            raise MessageError(f"{to[:80]!r} is no name of a node; nothing can be sent to it")
        if self._connected and not self._is_closed:
            self._out.bring(to, body)
        else:
            self._dropped(to)

    def receive(self) -> list[tuple[str, bytes]]:
        """Return what has come."""
        return [] if self._is_closed else self._in.take()

    def state(self) -> FabricState:
        """Return whether there is a connection, what was carried, and since when and why there is none."""
        with self._lock:
            peers = {node: replace(carried) for node, carried in self._peers.items()}
        is_connected = self._connected
        troubles = [self._refused] if self._refused else []
        if not is_connected and not self._is_closed:
            age_s = time.monotonic() - self._since_s
            troubles.append(
                f"no server of the fabric is reached for {age_s:.0f} s ({self._why}); see whether it runs, and was "
                f"started anew since this node was added, and homeroom world check"
            )
        return FabricState(is_connected, peers, tuple(troubles))

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._is_closed = True
        self._in.wake = None
        if self._thread is not None:
            if self._loop is not None and self._stop is not None:
                with contextlib.suppress(RuntimeError):  # the loop has ended already
                    self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(limits.FABRIC_CONNECT_MS_MAX / 1_000)

    def _dropped(self, node: str) -> None:
        with self._lock:
            self._peer(node).dropped += 1

    def _peer(self, node: str) -> Carried:
        is_known = node in self._peers or len(self._peers) < limits.FABRIC_PEERS_MAX
        return self._peers.setdefault(node if is_known else "others", Carried())

    # --- what runs in the thread -------------------------------------------------------------------------------------

    def _work(self, began: threading.Event) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(self._run(began))
        except OSError as error:  # there is no loop to be had: too many files are open
            self._why = _said(error)
        finally:
            began.set()

    async def _run(self, began: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        began.set()
        stop = asyncio.ensure_future(self._stop.wait())
        wait_ms = limits.FABRIC_WAIT_MS
        while not stop.done():
            life = asyncio.ensure_future(self._live())
            await asyncio.wait((life, stop), return_when=asyncio.FIRST_COMPLETED)
            life.cancel()
            (how,) = await asyncio.gather(life, return_exceptions=True)
            # Where no server could be reached, what the last one said is known already and says more.
            if isinstance(how, Exception) and not isinstance(how, NoServersError | TimeoutError):
                self._why = _said(how)
            was_up = self._is_down()
            wait_ms = (
                limits.FABRIC_WAIT_MS if was_up else min(2 * wait_ms, limits.FABRIC_WAIT_MS_MAX)
            )
            await asyncio.wait((stop,), timeout=wait_ms / 1_000)

    async def _live(self) -> None:
        """Connect, and carry until the connection ends."""
        client = _Connection()
        ended = asyncio.Event()
        try:
            async with asyncio.timeout(limits.FABRIC_CONNECT_MS_MAX / 1_000):
                await self._connect(client, ended)
            self._connected = self._was_up = True
            self._refused = ""
            await self._pump(client, ended)
        finally:
            self._connected = False
            await client.end()

    async def _connect(self, client: Client, ended: asyncio.Event) -> None:
        options = self._options

        async def closed() -> None:
            ended.set()

        await client.connect(
            list(options.addresses),
            name=options.node,
            tls=_tls(options),
            error_cb=self._error,
            closed_cb=closed,
            disconnected_cb=closed,
            allow_reconnect=False,
            pending_size=limits.MESSAGE_BYTES_MAX,
            no_echo=True,
            skip_subject_validation=True,
            **_TIMING,
        )
        if client.max_payload < limits.FABRIC_PAYLOAD_BYTES_MAX:
            raise SettingsError(
                f"the server takes messages of {client.max_payload:,} bytes at most; set its max_payload to "
                f"{limits.FABRIC_PAYLOAD_BYTES_MAX} or more"
            )
        await client.subscribe(
            f"homeroom.{options.world}.{options.node}.*",
            cb=self._came,
            # The client would drop the newest. What one read of the socket brings is bounded; the box bounds the rest.
            pending_msgs_limit=0,
            pending_bytes_limit=0,
        )
        await client.flush()

    async def _pump(self, client: Client, ended: asyncio.Event) -> None:
        """Send what waits, until the connection ends."""
        filled = asyncio.Event()
        filled.set()  # something may have come before anybody could be told
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(filled.set)

        self._out.wake = tell
        over = asyncio.ensure_future(ended.wait())
        try:
            # The end is told after what was written is flushed, which may take for ever: so it is asked for too.
            while client.is_connected and not over.done():
                more = asyncio.ensure_future(filled.wait())
                patience_s = limits.FABRIC_PING_MS / 1_000
                either = asyncio.FIRST_COMPLETED
                await asyncio.wait((more, over), timeout=patience_s, return_when=either)
                more.cancel()
                filled.clear()
                for to, body in self._out.take():
                    await self._publish(client, to, body)
        finally:
            over.cancel()
            self._out.wake = None

    async def _publish(self, client: Client, to: str, body: bytes) -> None:
        if body is not self._packed[0]:  # most go to all others, one after the other
            self._packed = body, pack(body)
        packed = self._packed[1]
        # Beyond this the server takes nothing for a while: what is older goes first, so this one is lost.
        if not client.is_connected or client.pending_data_size > limits.MESSAGE_BYTES_MAX:
            self._dropped(to)
            return
        await client.publish(f"homeroom.{self._options.world}.{to}.{self._options.node}", packed)
        with self._lock:
            carried = self._peer(to)
            carried.sent += 1
            carried.sent_bytes += len(packed)

    async def _came(self, message: Msg) -> None:
        sender = message.subject.rpartition(".")[2]
        try:
            body = unpack(message.data)
        except MessageError:
            self._dropped(sender)
            return
        with self._lock:
            carried = self._peer(sender)
            carried.received += 1
            carried.received_bytes += len(message.data)
        self._in.bring(sender, body)

    async def _error(self, error: Exception) -> None:
        """Hear of what the client met; what ends a connection comes as its end too."""
        if "permissions violation" in str(error).lower():
            self._refused = (
                f"the servers of the fabric refuse this node something ({_said(error)}); its certificate must name "
                f"{self._options.node}, and the settings of its region's server too"
            )
        else:
            self._why = _said(error)

    def _is_down(self) -> bool:
        """Drop what waits to go out; say whether there was a connection since the last time."""
        for to, _ in self._out.take():
            self._dropped(to)
        was_up, self._was_up = self._was_up, False
        if was_up:
            self._since_s = time.monotonic()
        return was_up


# --- messages --------------------------------------------------------------------------------------------------------


def pack(body: bytes) -> bytes:
    """Return a message as it goes out: compressed (Zstandard, RFC 8878) if that makes it shorter."""
    if len(body) >= limits.FABRIC_PACKED_BYTES_MIN:
        compressed: bytes = _CODEC.compress(body, asbytes=True)
        if len(compressed) + _SIZE_BYTES < len(body):
            return _ZSTD + len(body).to_bytes(_SIZE_BYTES, "little") + compressed
    return _PLAIN + body


def unpack(packed: bytes) -> bytes:
    """Return what `pack` was given. Raises `MessageError`."""
    kind, rest = packed[:1], packed[1:]
    if kind == _PLAIN and len(rest) <= limits.MESSAGE_BYTES_MAX:
        return rest
    size = int.from_bytes(rest[:_SIZE_BYTES], "little")
    if kind == _ZSTD and 0 < size <= limits.MESSAGE_BYTES_MAX:
        with contextlib.suppress(pa.ArrowException, OSError, ValueError):
            body: bytes = _CODEC.decompress(rest[_SIZE_BYTES:], size, asbytes=True)
            return body
    raise MessageError("a message of another node cannot be unpacked, or is too long")


class _Quiet(logging.Filter):
    """Keeps out what asyncio says at the end of each connection that was encrypted after it was made."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "eof_received() has no effect when using ssl" not in record.getMessage()


_QUIET: Final = _Quiet()

# --- connections -----------------------------------------------------------------------------------------------------


def _tls(options: NatsOptions) -> ssl.SSLContext:
    """Read the certificates: anew for each connection, so that new ones count without a restart."""
    key = options.certificate_key
    try:
        if key.stat().st_mode & 0o077:
            raise KeyFileError(f"{key} may be used by others; must be 0600. Run: chmod 600 {key}")
        context = ssl.create_default_context(cafile=options.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(options.certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"the certificate of the fabric cannot be read ({_said(error)}): {options.certificate}, {key.name}, "
            f"{options.authority}; restore these, or make them anew with homeroom world init"
        ) from error
    return context


class _Loop(asyncio.SelectorEventLoop):
    """A loop in which no address of a name that hangs keeps a connection from the others (RFC 8305)."""

    async def create_connection(self, *args: Any, **fields: Any) -> Any:  # noqa: ANN401 - as of the library
        fields.setdefault("happy_eyeballs_delay", limits.ADDRESS_WAIT_MS / 1_000)
        return await super().create_connection(*args, **fields)


class _Connection(Client):
    """A connection that can be ended although the other end takes nothing any more."""

    async def end(self) -> None:
        """Close it; what cannot be closed in time is cut."""
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(limits.FABRIC_CLOSE_MS_MAX / 1_000):
                await self.close()
        # The client has no way to give a socket up without saying good-bye first.
        for writer in vars(self._transport).values() if self._transport else ():
            if isinstance(writer, asyncio.StreamWriter):
                writer.transport.abort()
        await asyncio.sleep(0)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
