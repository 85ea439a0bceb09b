"""How a command reaches the node that runs on a directory: a socket in it, for its owner alone.

A directory belongs to one process at a time. A command that wants to state a fact to it, while a node runs there, asks
that node; who may write into the directory may do that too, so no key is asked for. The socket is a file of mode 0600
(`control.sock`), takes one request a connection, and answers in MessagePack, with a length in front of both.

The way not taken is an address on the loopback: any user of the machine can connect to it.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from homeroom import limits
from homeroom.errors import (
    ControlError,
    HomeroomError,
    InputError,
    RightsError,
    StoreError,
    WebhookError,
)
from homeroom.hooks.standing import Created, WebhookShown
from homeroom.log.certificates import Certificate
from homeroom.log.control import Change, Fact
from homeroom.log.origins import Token
from homeroom.running.person_requests import PersonAsked, PersonTold
from homeroom.running.sharding.scale_requests import ScaleAsked
from homeroom.running.upkeep_requests import (
    RepairAsked,
    UpkeepAsked,
    UpkeepTold,
    WorldAsked,
)

__all__ = [
    "ControlSocket",
    "Doing",
    "ErasureAsked",
    "Letter",
    "WebhookAsked",
    "WebhookDo",
    "WebhookTold",
    "ask_of_erasures",
    "ask_of_person",
    "ask_of_upkeep",
    "ask_of_webhooks",
    "ask_stated",
    "ask_to_change",
]

_NAME: Final = "control.sock"
_T = TypeVar("_T")


class _Asked(msgspec.Struct, tag_field="ask", tag="change"):
    """State a fact."""

    fact: Fact
    author: str


class _AskedStated(msgspec.Struct, tag_field="ask", tag="stated"):
    """Say what was stated."""


class WebhookDo(StrEnum):
    """What is asked of webhooks."""

    LIST = "list"
    CREATE = "create"
    DELETE = "delete"
    PAUSE = "pause"
    RESUME = "resume"
    ROTATE = "rotate"
    DEAD_LETTERS = "dead-letters"
    REPLAY = "replay"
    DROP = "drop"


class WebhookAsked(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="webhooks", omit_defaults=True
):
    """Do something with the webhooks of a tenant.

    Parameters
    ----------
    do : what
    tenant, author : whose webhooks, and who asks
    webhook : the id of the one that it is about
    url, cohorts : of one that is created
    overlap_ms : how long the secret before signs too
    deliveries : dead letters, None for all
    """

    do: WebhookDo
    tenant: str
    author: str = ""
    webhook: str = ""
    url: str = ""
    cohorts: tuple[str, ...] = ()
    overlap_ms: int = 0
    deliveries: tuple[str, ...] | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter without whom it is about: its id, how often it was tried, until when, and why it was refused."""

    id: str
    attempts: int
    given_up_ms: int
    why: str
    changes: int


class WebhookTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes of it: the webhooks there are, one that was created or its new secret, dead letters."""

    webhooks: tuple[WebhookShown, ...] = ()
    created: Created | None = None
    letters: tuple[Letter, ...] = ()


class ErasureAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="erasures"):
    """Erase learners of a tenant, each a pseudonym or (issuer, account); with none, say how far erasures are."""

    tenant: str
    author: str
    learners: tuple[str | tuple[str, str], ...] = ()


class _Answer(msgspec.Struct):
    token: str = ""
    stated: list[Change] = []
    told: WebhookTold | None = None
    certificates: list[Certificate] = []
    person: PersonTold | None = None
    upkeep: UpkeepTold | None = None
    error: str = ""
    is_sense: bool = True
    """Whether the error is that the change makes no sense."""


_read: Final = msgspec.msgpack.Decoder(
    _Asked | _AskedStated | WebhookAsked | ErasureAsked | PersonAsked | UpkeepAsked
).decode
_read_answer: Final = msgspec.msgpack.Decoder(_Answer).decode
_write: Final = msgspec.msgpack.Encoder().encode


@contextmanager
def _within(folder: Path) -> Iterator[str]:
    """Give the socket's name in a form that is short enough for the system, however long the path is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        short = Path(f"/proc/self/fd/{descriptor}")
        yield str((short if short.exists() else folder) / _NAME)
    finally:
        os.close(descriptor)


# --- the node --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doing:
    """What does what is asked: by a node, each as its requests say."""

    change: Callable[[Fact, str], Awaitable[Token]]
    stated: Callable[[], list[Change]]
    webhooks: Callable[[WebhookAsked], Awaitable[WebhookTold]]
    erasures: Callable[[ErasureAsked], Awaitable[list[Certificate]]]
    persons: Callable[[PersonAsked], Awaitable[PersonTold]]
    upkeep: Callable[[UpkeepAsked], Awaitable[UpkeepTold]]

    async def __call__(self, written: bytes) -> _Answer:
        """Do what a request asks for. Raises `HomeroomError`, and `msgspec.MsgspecError` for what is no request."""
        match _read(written):
            case _AskedStated():
                answer = _Answer(stated=self.stated())
            case WebhookAsked() as asked:
                answer = _Answer(told=await self.webhooks(asked))
            case ErasureAsked() as asked:
                answer = _Answer(certificates=await self.erasures(asked))
            case PersonAsked() as asked:
                answer = _Answer(person=await self.persons(asked))
            case _Asked(fact, author):
                answer = _Answer(token=str(await self.change(fact, author)))
            case asked:
                answer = _Answer(upkeep=await self.upkeep(asked))
        return answer


class ControlSocket:
    """The socket of a node: from the moment on at which it has its directory, so that nobody takes it for not running.

    Parameters
    ----------
    folder : the directory
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / _NAME
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._doing: Doing | None = None

    async def listen(self) -> None:
        """Hear commands, and say that the node starts. Raises `StoreError` where no socket can be made."""
        self._server = await asyncio.start_unix_server(self._serve, sock=_bound(self._folder))

    def begin(self, doing: Doing) -> None:
        """Do from now on what commands ask for."""
        self._doing = doing

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            size = int.from_bytes(await reader.readexactly(4), "little")
            if size <= limits.CONTROL_BYTES_MAX * 2:
                asked = await reader.readexactly(size)
                written = _write(await self._answered(asked))
                writer.write(len(written).to_bytes(4, "little") + written)
                await writer.drain()
        writer.close()

    async def _answered(self, written: bytes) -> _Answer:
        if self._doing is None:
            starts = f"the node on {self._folder} is starting; ask again in a moment"
            return _Answer(error=starts, is_sense=False)
        try:
            return await self._doing(written)
        except msgspec.MsgspecError:
            return _Answer(error="the command and the node are of two releases; use the same one")
        except (ControlError, InputError, RightsError, WebhookError) as error:
            return _Answer(error=str(error))
        except HomeroomError as error:
            return _Answer(error=str(error), is_sense=False)

    def close(self) -> None:
        """Hear nobody any more, and leave no file behind."""
        if self._server is not None:
            self._server.close()
            self.file.unlink(missing_ok=True)


def _bound(folder: Path) -> socket.socket:
    """Return a socket in a directory, for its owner alone. Raises `StoreError` where none can be made."""
    with _within(folder) as name, contextlib.ExitStack() as stack:
        (folder / _NAME).unlink(missing_ok=True)
        one = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            before = os.umask(0o177)
            try:
                one.bind(name)
            finally:
                os.umask(before)
        except OSError as error:
            raise StoreError(
                f"no socket can be made in {folder}: {error.strerror}; choose a folder on a local disk"
            ) from error
        stack.pop_all()
        return one


# --- the command -----------------------------------------------------------------------------------------------------


def ask_to_change(folder: Path, fact: Fact, author: str) -> Token | None:
    """State a fact to the node that runs on a directory; None if none does.

    Raises `ControlError` if it makes no sense, `StoreError` if it cannot be written.
    """
    answer = _ask(folder, _Asked(fact, author))
    return None if answer is None else Token.parse(answer.token)


def ask_stated(folder: Path) -> list[Change] | None:
    """Return what was stated to the node that runs on a directory; None if none does."""
    answer = _ask(folder, _AskedStated())
    return None if answer is None else answer.stated


def ask_of_webhooks(folder: Path, asked: WebhookAsked) -> WebhookTold | None:
    """Have something done with webhooks by the node that runs on a directory; None if none does.

    Raises `ControlError` if it makes no sense, `StoreError` if it cannot be kept.
    """
    answer = _ask(folder, asked)
    if answer is None:
        return None
    assert answer.told is not None, "what is no error is told"
    return answer.told


def ask_of_erasures(folder: Path, asked: ErasureAsked) -> list[Certificate] | None:
    """Have learners erased, or say how erasures are, by the node that runs on a directory; None if none does.

    Raises `ControlError` if it makes no sense, `StoreError` if it cannot be kept.
    """
    answer = _ask(folder, asked)
    return None if answer is None else answer.certificates


def ask_of_person(folder: Path, asked: PersonAsked) -> PersonTold | None:
    """Have something done for a person by the node that runs on a directory; None if none does.

    Raises `ControlError` if it makes no sense, `StoreError` if it cannot be kept.
    """
    answer = _ask(folder, asked)
    if answer is None:
        return None
    assert answer.person is not None, "what is no error is told"
    return answer.person


def ask_of_upkeep(folder: Path, asked: UpkeepAsked) -> UpkeepTold | None:
    """Ask about upkeep the node that runs on a directory; None if none does.

    Raises `StoreError` if it cannot be done.
    """
    # How the world looks is asked of every node that runs here: one that hangs must not keep the others from it.
    waits_s = {
        RepairAsked: limits.REPAIR_WAIT_S_MAX,
        ScaleAsked: limits.SCALE_WAIT_S_MAX,
        WorldAsked: limits.LOOK_WAIT_S_MAX,
    }
    answer = _ask(folder, asked, waits_s.get(type(asked), limits.CONTROL_WAIT_S_MAX))
    if answer is None:
        return None
    assert answer.upkeep is not None, "what is no error is told"
    return answer.upkeep


def _exchanged(one: socket.socket, written: bytes, folder: Path) -> tuple[int, bytes]:
    """Return how long an answer should be, and what has come of it."""
    try:
        one.sendall(len(written).to_bytes(4, "little") + written)
        with one.makefile("rb") as file:
            size = int.from_bytes(file.read(4), "little")
            return size, file.read(size)
    except TimeoutError as error:
        raise StoreError(
            f"the node on {folder} has not answered for {one.gettimeout():.0f} s: it hangs, or has too much to do; "
            f"see its log, and start it anew if it stays so. What it was asked to do it may do yet"
        ) from error
    except ConnectionError:
        return 0, b""  # it ended


def _ask(
    folder: Path,
    asked: _Asked | _AskedStated | WebhookAsked | ErasureAsked | PersonAsked | UpkeepAsked,
    wait_s: float = limits.CONTROL_WAIT_S_MAX,
) -> _Answer | None:
    if not (folder / _NAME).exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(wait_s)
        try:
            with _within(folder) as name:
                one.connect(name)
        except ConnectionRefusedError:
            return None  # left by a node that was killed
        except OSError as error:
            raise StoreError(
                f"the node on {folder} cannot be asked: {error.strerror or error}; stop it, or ask as its user"
            ) from error
        size, answered = _exchanged(one, _write(asked), folder)
    if len(answered) != size or not size:
        raise StoreError(f"the node on {folder} ended before it answered; ask again")
    answer = _read_answer(answered)
    if answer.error:
        raise (ControlError if answer.is_sense else StoreError)(answer.error)
    return answer
