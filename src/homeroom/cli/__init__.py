"""The command line: one module a command, imported when it is called.

Comes in: the words after ``homeroom``. Goes out: answers on standard output, everything else (progress, notes,
errors) on standard error, and an exit status (`homeroom.cli.status`). This room only translates: it never computes a
figure, and what it does can be done from Python too.

Start-up is the reason for the table below: a shell user feels 0.1 s, and NumPy, Numba and Arrow take a second to
import. The names and summaries of the commands stand here, so that ``homeroom --help`` imports none of them. A new
command is a module with a click command called ``command``, and one line in `COMMANDS`.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from homeroom.cli import status
from homeroom.errors import DamagedBackupError, HomeroomError

__all__ = ["COMMANDS", "main", "root"]

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "analyze": ("homeroom.cli.analyze", "Read event files and show who came back, at a glance."),
    "query": ("homeroom.cli.query", "Ask one question, of any kind."),
    "explain": ("homeroom.cli.explain", "Say what a question means, reads and costs."),
    "compare": (
        "homeroom.cli.compare",
        "Say which cells became other between two answers.",
    ),
    "load": ("homeroom.cli.load", "Add event files to a data directory that answers at once."),
    "void": ("homeroom.cli.void", "Take events out of a data directory by their ids."),
    "identities": (
        "homeroom.cli.identities",
        "Say which accounts of a data directory are one learner.",
    ),
    "init": ("homeroom.cli.init", "Write a file with every setting of a node, explained."),
    "serve": ("homeroom.cli.serve", "Run a node that takes events and answers, over HTTP."),
    "world": ("homeroom.cli.world", "Make and check the directory of a world of regions."),
    "route": (
        "homeroom.cli.route",
        "Say where requests go in a world and why, and send them elsewhere.",
    ),
    "scale": ("homeroom.cli.scale", "Show the shards of a node, or have another number of them."),
    "keys": ("homeroom.cli.keys", "Create, list, revoke and rotate the keys of a node."),
    "users": ("homeroom.cli.users", "Say who may sign in to the pages of a node."),
    "catalogue": (
        "homeroom.cli.catalogue",
        "Say which ids anybody may read, and which attributes are kept.",
    ),
    "retention": ("homeroom.cli.retention", "Say for how long history is kept, or cut it."),
    "webhooks": ("homeroom.cli.webhooks", "Look after the webhooks of a node that runs."),
    "erase": (
        "homeroom.cli.erase",
        "Erase people for ever, wherever the node has anything of them.",
    ),
    "erasures": ("homeroom.cli.erasures", "Show how far erasures are, place by place."),
    "readmit": ("homeroom.cli.readmit", "Let people who were erased come again, as new ones."),
    "access": ("homeroom.cli.access", "Give a person a copy of all that is kept of them."),
    "consent": (
        "homeroom.cli.consent",
        "State what a person allows, or restricts, or show it.",
    ),
    "rectify": ("homeroom.cli.rectify", "Put a person's events right: void some, send others."),
    "purposes": ("homeroom.cli.purposes", "Say what data are for, and what needs consent."),
    "requests": ("homeroom.cli.requests", "Keep the requests of persons and their deadlines."),
    "compliance": (
        "homeroom.cli.compliance",
        "Report what is kept where, for how long, and what is open.",
    ),
    "tenant": ("homeroom.cli.tenant", "Say in which regions a tenant's data are taken."),
    "ask": ("homeroom.cli.ask", "Ask a node a question, and what became other since."),
    "send": ("homeroom.cli.send", "Send the events of files to a node."),
    "backfill": (
        "homeroom.cli.backfill",
        "Send the events of many Parquet files to a node, and go on where it ended.",
    ),
    "conflicts": (
        "homeroom.cli.conflicts",
        "Show where nodes said different things, and what counts.",
    ),
    "tail": ("homeroom.cli.tail", "Follow who enters and leaves cohorts at a node."),
    "audit": ("homeroom.cli.audit", "Check that an audit log is what was written."),
    "backup": ("homeroom.cli.backup", "Back a data directory up, while its node runs."),
    "restore": ("homeroom.cli.restore", "Make a data directory again from a backup."),
    "verify": ("homeroom.cli.verify", "Read a backup and check all that is in it."),
    "repair": (
        "homeroom.cli.repair",
        "Fold the log of a data directory anew, and put right what was not so.",
    ),
    "drill": ("homeroom.cli.drill", "Restore a backup for trial, and compare what comes of it."),
    "generate": (
        "homeroom.cli.generate",
        "Write events of made-up learners, for trying and testing.",
    ),
    "simulate": (
        "homeroom.cli.simulate",
        "Run whole worlds of regions, and check what is promised in them.",
    ),
    "prove": (
        "homeroom.cli.prove",
        "Run load tests by plans that say what must hold: pass or fail.",
    ),
    "demo": ("homeroom.cli.demo", "Show all of it on real statements and a million learners."),
    "cache": ("homeroom.cli.cache", "Tell what another size of a node's cache would give."),
    "warm": ("homeroom.cli.warm", "Compile the kernels now instead of at first use."),
}
"""Command by command: the module that holds it, and what ``homeroom --help`` says of it."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command; a closed pipe leaves under a name of ours, as click would answer it with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _PipeClosedError from error


class _PipeClosedError(Exception):
    """Whoever read standard output has gone away."""


def _show_version(ctx: click.Context, _parameter: click.Parameter, asked: object) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"homeroom {version('homeroom')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="homeroom COMMAND --help says more. Try: homeroom analyze PATH",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def root() -> None:
    """From a file of learning events to retention, in seconds.

    PATH is a file, a directory, a quoted glob such as 'logs/*.gz', or - for standard input: xAPI, Open edX tracking
    logs, Moodle exports, and tables as CSV, TSV, NDJSON, Parquet or Arrow.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    What a user or the world got wrong becomes one line on standard error; a traceback means a mistake of ours.
    """
    _open_streams()
    try:
        result = root.main(
            args=None if arguments is None else list(arguments),
            prog_name="homeroom",
            standalone_mode=False,
        )
        sys.stdout.flush()
    except (_PipeClosedError, BrokenPipeError):
        _mute_stdout()
        return status.PIPE_CLOSED
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", status.INTERRUPTED)
    except click.ClickException as error:
        return _refuse(error)
    except HomeroomError as error:
        is_damage = isinstance(error, DamagedBackupError)
        return _complain(str(error), status.DAMAGED if is_damage else status.FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror or error}", status.FAILED)
    return result if isinstance(result, int) else status.CLEAN


def _open_streams() -> None:
    """Give a standard stream that was closed, as schedulers do, a place to go: no file of ours may take its number."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so this one
            if name != "stdin":
                setattr(sys, name, os.fdopen(opened, "w", closefd=False))


def _refuse(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return status.FAILED
    said = error.format_message().rstrip()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        said += f" ({error.ctx.command_path} --help says what there is)"
    return _complain(said, error.exit_code)


def _complain(message: str, exit_status: int) -> int:
    # Names of files and values come from outside; none of them may steer the terminal.
    line = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(message.split()))
    click.echo(f"homeroom: {line}", err=True)
    return exit_status


def _mute_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's last flush finds no broken pipe either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
