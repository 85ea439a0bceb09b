"""The texts of pages, from one catalogue a language: who translates changes a file and no program.

A text stands under a name, with places in braces for what is put in. One that counts something has two forms, ``one``
and ``other``. What is put in is escaped where it is shown, as everything is; a catalogue is ours and holds no markup.

What an answer says of itself (titles, sentences, legends) is written where it is computed, in English.
"""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

__all__ = ["LANGUAGES", "Texts", "texts_of"]

LANGUAGES: Final = ("en",)
"""Languages that there is a catalogue of, the first where none of a reader's is among them."""


class Texts:
    """The texts of a language.

    Parameters
    ----------
    language : its tag (BCP 47)
    texts : by dotted name

    Attributes
    ----------
    direction : ``ltr`` or ``rtl``
    """

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts
        self.direction = texts["direction"]

    def __call__(self, name: str, /, **values: object) -> str:
        """Return a text with these values in its places."""
        text = self._texts[name]
        return text.format(**values) if values else text

    def count(self, name: str, number: int, /, **values: object) -> str:
        """Return the form of a text that goes with a number; its place for the number is ``n``."""
        form = "one" if number == 1 else "other"
        return self(f"{name}.{form}", **{"n": number, **values})

    def names(self) -> frozenset[str]:
        """Return the names of all texts."""
        return frozenset(self._texts)


@functools.cache
def texts_of(language: str) -> Texts:
    """Return the texts of a language that there is a catalogue of."""
    file = resources.files("homeroom.serve.looks").joinpath(f"texts.{language}.toml")
    return Texts(language, dict(_flat(tomllib.loads(file.read_text(encoding="utf-8")))))


def _flat(tables: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tables.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((before + name, str(value)))
    return found
