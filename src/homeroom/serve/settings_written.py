"""Settings written down: the file in which all of them are explained, and the tables of the reference page."""

import json
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from homeroom.serve.settings import PREFIX, Settings, sections

__all__ = ["commented_file", "settings_page"]


def _described(section: str) -> list[tuple[str, Any, str]]:
    """Return name, value without a setting, and meaning of each setting of a section."""
    kind = get_type_hints(Settings, include_extras=True)[section]
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for field in msgspec.structs.fields(kind):
        assert get_origin(hints[field.name]) is Annotated, "every setting says what it means"
        (meta,) = (one for one in hints[field.name].__metadata__ if isinstance(one, Meta))
        found.append((field.name, field.default, f"{meta.description}{_bounds(meta)}"))
    return found


def _bounds(meta: Meta) -> str:
    low = (
        f"from {meta.ge:,}"
        if meta.ge is not None
        else f"over {meta.gt}"
        if meta.gt is not None
        else ""
    )
    high = f"to {meta.le:,}" if meta.le is not None else ""
    return f" ({' '.join(filter(None, (low, high)))})" if low or high else ""


def _about(section: str) -> str:
    return (get_type_hints(Settings)[section].__doc__ or "").strip()


def commented_file() -> str:
    """Return a file of settings in which each stands as a comment, with what it is without one."""
    lines = [
        "# Settings of a homeroom node. What is commented out is as it is without this file.",
        "# A variable HOMEROOM_SECTION_NAME (such as HOMEROOM_SERVER_PORT) counts more than this file.",
    ]
    for section in sections():
        lines += ["", f"# {_about(section)}", f"[{section}]"]
        for name, value, meaning in _described(section):
            lines.append(f"# {meaning}")
            lines.append(f"# {name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if value is None:
        return '""  # none'
    return json.dumps(value)


def settings_page() -> str:
    """Return the tables of the reference page."""
    lines = []
    for section in sections():
        lines += ["", f"## `[{section}]`", "", _about(section), ""]
        lines += ["| setting | variable | without it | meaning |", "| --- | --- | --- | --- |"]
        for name, value, meaning in _described(section):
            shown = "" if value is None else f"`{json.dumps(value)}`"
            variable = f"{PREFIX}{section.upper()}_{name.upper()}"
            lines.append(f"| `{name}` | `{variable}` | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"
