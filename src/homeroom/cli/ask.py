"""``homeroom ask``: a question to a node, what its answer must hold, and what became other since an earlier one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.reaching import node_options, opened_client
from homeroom.errors import QuestionError

if TYPE_CHECKING:
    from homeroom.client import LiveAnswer, Wanted

__all__ = ["command"]


@click.command()
@node_options
@click.option(
    "--question", "question_file", metavar="FILE", help="The question: a TOML or JSON file."
)
@click.option(
    "--since",
    metavar="FILE",
    help="An answer that --json has written: the same is asked again, after all that it held, and compared.",
)
@click.option(
    "--after",
    metavar="TOKEN",
    multiple=True,
    help="The answer holds this entry: a token, or an origin of a vector with its number. May be repeated.",
)
@click.option(
    "--fresh",
    metavar="SECONDS",
    type=click.FloatRange(0, 9_999),
    help="No region's share of the answer is older than this.",
)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0, 9_999),
    help="How long the node waits for that. [default: what the node is set to]",
)
@json_option
def command(url: str, json_target: str | None, **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Ask the node at URL a question.

    Shows the counts, or with --since those that became other, and how fresh each region's share is.
    """
    earlier = None if flags["since"] is None else _read(Path(flags["since"]))
    question = _question(flags["question_file"], earlier)
    with opened_client(url, flags) as client:
        live = client.query(question, _wanted(flags, earlier))
    if json_target:
        write_json(live.to_json(), json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_lines(live, earlier)))
    return status.CLEAN


def _read(path: Path) -> Mapping[str, Any]:
    from homeroom.adapters.answer_files import read_answer

    return read_answer(path)


def _question(file: str | None, earlier: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if (file is None) == (earlier is None):
        raise click.UsageError("give --question FILE or --since FILE, one of the two")
    if file is not None:
        from homeroom.adapters.written_files import read_written

        written = read_written(Path(file))
        if not isinstance(written, Mapping):
            raise QuestionError(f"{file} holds no question, such as question = 'retention'")
        return written
    answer = (earlier or {}).get("answer", earlier)
    question = answer.get("question") if isinstance(answer, Mapping) else None
    if not isinstance(question, Mapping):
        raise QuestionError("--since must be an answer that homeroom ask --json has written")
    return question


def _wanted(flags: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> "Wanted":
    from homeroom.client import Wanted

    vector = {} if earlier is None else earlier.get("vector", {})
    if not isinstance(vector, Mapping):
        raise QuestionError("the vector of --since is none; give an answer as a node wrote it")
    held = tuple(f"{origin}/{number}" for origin, number in vector.items())
    return Wanted(after=(*flags["after"], *held), fresh_s=flags["fresh"], wait_s=flags["wait"])


def _lines(live: "LiveAnswer", earlier: Mapping[str, Any] | None) -> Iterator[str]:
    from homeroom.cli.terminal.comparison import comparison_lines
    from homeroom.cli.terminal.counts import counts_lines
    from homeroom.cohorts.comparing import compare

    if earlier is None:
        yield from counts_lines(live.answer)
    else:
        yield from comparison_lines(compare(earlier, live.to_json()))
    yield ""
    if live.freshness_in_words:
        yield f"fresh: {live.freshness_in_words}"
    if not live.complete:
        yield "not all that is durable at the node was in it"
