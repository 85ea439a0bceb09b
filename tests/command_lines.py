"""Commands of homeroom as a shell would run them, in a process each, without starting Python anew for each.

Half of what a small command takes is the import of libraries. A server process imports these once, and forks for each
command (the standard library's fork server); nothing of homeroom's own is imported in it beyond what every command
imports, and every command has its process, environment, folder and streams to itself.
"""

import multiprocessing
import os
import shlex
import sys
import tempfile
import time
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

__all__ = ["homeroom_words", "run"]

SHELL = frozenset("|&;<>()$`*?[]{}~#!\n")


def homeroom_words(command: str) -> list[str] | None:
    """Return the arguments of a command that is one of homeroom's and needs nothing of a shell but its quotes."""
    line = command.replace("\\\n", " ")
    if SHELL & set(line) or not line.startswith("homeroom "):
        return None
    return shlex.split(line)[1:]


def run(words: list[str], environment: dict[str, str], seconds_max: float) -> tuple[str, int]:
    """Run ``homeroom`` with some arguments in this folder; return what it says on both streams, and its status."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        process = _server().Process(target=_command, args=(words, environment, Path.cwd(), said))
        process.start()
        process.join(seconds_max)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"homeroom {shlex.join(words)} takes longer than {seconds_max} s")
        return said.read_text(encoding="utf-8"), process.exitcode


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numba", "pyarrow.parquet", "rich.console", "homeroom.dataset"])
    return context


def _command(words: list[str], environment: dict[str, str], folder: Path, said: Path) -> None:
    """Be the command, in a process that was forked for it."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    with said.open("wb") as out, Path(os.devnull).open("rb") as nothing:
        for source, target in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(source.fileno(), target)
    from homeroom.cli import main

    sys.argv = ["homeroom", *words]
    sys.exit(main())
