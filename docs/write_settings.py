"""Writes docs/reference/settings.md from the definitions of the settings, so that the two cannot disagree.

`make settings` runs it after a setting has changed; a test fails while the page is old.
"""

from pathlib import Path

from homeroom.serve.settings_written import settings_page

PAGE = Path(__file__).parent / "reference" / "settings.md"
HEAD = """# Settings of a node

`homeroom serve --config FILE` reads them from a TOML file, which `homeroom init` writes with all of them explained and
commented out. A variable counts more than the file, and a flag of the command more than a variable; the value `none` of
a variable takes a setting away. A name that is not known is refused. This page is made from the definitions
(`make settings`), as the file is.

No secret is a setting: [keys](commands.md#homeroom-keys) are created by a command and kept as digests.
"""


def page() -> str:
    """Return the page."""
    return HEAD + settings_page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
