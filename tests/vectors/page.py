"""The hand-worked examples as a page that a person can check with a pencil.

The page's own words stand above a mark and stay as they are; what stands below it is written from the vectors, so
that the page cannot tell other figures than the tests.
"""

from collections.abc import Iterator
from typing import Any

from tests.vectors import FILES, load

__all__ = ["MARK", "shown"]

MARK = "<!-- examples: python -m tests.vectors -->\n"
TITLES = {
    "retention": "Retention",
    "course_time": "Course time",
    "other_questions": "Lifecycle, stickiness, active learners",
    "calendar": "Zones, weeks, leap days, years",
    "behaviour": "Funnels and paths",
}


def shown(page: str) -> str:
    """Return the page with all examples below its mark."""
    words, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"the page has no line {MARK!r} below which to write the examples")
    return words + mark + "".join(_section(file) for file in FILES)


def _section(file: str) -> str:
    return f"\n## {TITLES[file]}\n" + "".join(_example(example) for example in load(file))


def _example(example: dict[str, Any]) -> str:
    text = f"\n### {example['name']}\n\n{example['why'].strip()}\n"
    events = example["events"].strip() or "(no events)"
    zone = example.get("timezone", "UTC")
    text += f"\nZone: {zone}\n\n```text\n{events}\n```\n"
    for case in example["case"]:
        text += (
            f"\n{', '.join(_terms(case['question']))}:\n\n```text\n{case['expect'].strip()}\n```\n"
        )
    return text


def _terms(question: dict[str, Any]) -> Iterator[str]:
    for name, value in question.items():
        if name == "question":
            yield f"**{value}**"
        elif isinstance(value, list):
            yield f"{name} `{', '.join(value)}`"
        else:
            yield f"{name} `{value}`"
