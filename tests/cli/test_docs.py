"""The reference page names every command and every flag, and says of the exit status what the code does."""

import re
from pathlib import Path

import click

from homeroom.cli import COMMANDS, root, status
from tests import answers_behaviour
from tests.cli import answers

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "commands.md").read_text(encoding="utf-8")
SHARED = ("Exit status", "What is read, and how", "Which part is asked about")


def commands(command: click.Command = root, path: str = "homeroom"):
    """Walk the tree of commands: each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), f"{path} {name}")


def section(title: str) -> str:
    """Return the text below a heading, down to the next of the same or a higher level."""
    lines = PAGE.splitlines()
    start = next(
        i for i, line in enumerate(lines) if re.fullmatch(rf"#+ `?{re.escape(title)}`?", line)
    )
    level = len(lines[start].split()[0])
    end = next(
        (i for i in range(start + 1, len(lines)) if re.match(rf"#{{1,{level}}} ", lines[i])),
        len(lines),
    )
    return "\n".join(lines[start:end])


def documented(path: str) -> str:
    """Return the command whose section says what this one takes: explaining a question takes what asking it does."""
    return re.sub(r"^homeroom explain (?!cell$)(?=.)", "homeroom query ", path)


def test_every_command_has_a_section():
    for path, command in commands():
        if path != "homeroom":
            assert section(documented(path)), path
            assert command.help, path


def test_every_flag_is_in_the_section_of_its_command_or_in_a_shared_one():
    shared = "".join(section(title) for title in SHARED)
    for path, command in commands():
        words = documented(path).split()
        parents = [" ".join(words[:n]) for n in range(2, len(words) + 1)]
        text = shared + "".join(section(parent) for parent in parents)
        for parameter in command.params:
            for flag in (o for o in parameter.opts if o.startswith("--") and o != "--help"):
                # `homeroom --version` is said above all sections.
                assert re.search(rf"{re.escape(flag)}(?![\w-])", text if parents else PAGE), (
                    f"{path} {flag}"
                )


def test_every_flag_of_the_page_exists():
    known = {
        flag for _, command in commands() for parameter in command.params for flag in parameter.opts
    }

    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) <= known


def test_every_flag_says_what_it_does():
    for path, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.opts}"


def test_the_summaries_of_the_first_page_are_in_the_table_of_commands():
    assert all(f"`homeroom {name}`" in PAGE for name in COMMANDS)


def test_the_page_has_the_exit_statuses_of_the_code():
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit status"), re.MULTILINE)

    assert [(int(code), text.replace("\\|", "|")) for code, text in rows] == list(status.MEANINGS)


def test_the_page_of_outputs_names_every_schema_and_every_column():
    text = (REFERENCE / "outputs.md").read_text(encoding="utf-8")

    for schema in (REFERENCE / "outputs").glob("*.json"):
        assert f"outputs/{schema.name}" in text
    for answer in (
        answers.retention(3),
        answers.lifecycle(3),
        answers.stickiness(3),
        answers.active(30),
        answers_behaviour.funnel(),
        answers_behaviour.paths(),
    ):
        columns = ", ".join(f"`{name}`" for name in answer.to_arrow().column_names)
        assert f"| {answer.question.name} | {columns} |" in text
