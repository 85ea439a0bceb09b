"""Searches folders, answers and output for marks, through every layer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from homeroom.adapters.backup.repository import _OBJECTS, Repository
from tests.privacy.layers import layers
from tests.privacy.marks import Marks, forms

__all__ = ["Found", "Search"]


@dataclass(frozen=True)
class Found:
    """A mark, where it was found, under which layers and in which form."""

    entrance: str
    place: str
    layers: tuple[str, ...]
    form: str


class Search:
    """Looks for the marks of a run.

    Attributes
    ----------
    looked_at_bytes : of all layers together, so that a test can say that it has looked at something
    """

    def __init__(self, marks: Marks) -> None:
        self.looked_at_bytes = 0
        self._marks = marks
        self._forms: dict[str, dict[tuple[bytes, bool], str]] = {}

    def folder(self, path: Path) -> list[Found]:
        """Search every file below a folder, and the names of files and folders."""
        found: list[Found] = []
        for file in sorted(path.rglob("*")):
            place = str(file.relative_to(path))
            found += self.content(f"name {place}", place.encode())
            if file.is_file():
                journal = file.with_name(file.name + "-wal")
                more = journal.read_bytes() if journal.is_file() else b""
                found += self.content(place, file.read_bytes(), more)
        return found

    def repository(self, repository: Repository) -> list[Found]:
        """Search every object of a backup repository, unsealed."""
        names = [one.name for one in repository.objects.list(_OBJECTS)]
        assert names, "there is a backup"
        read = [(name, repository.read(name)) for name in names]
        return [one for name, content in read for one in self.content(f"backup {name}", content)]

    def answers(self, answers: Iterable[tuple[str, Mapping[str, str], bytes]]) -> list[Found]:
        """Search answers: what was asked, headers and body."""
        found: list[Found] = []
        for asked, headers, body in answers:
            head = "\n".join(f"{name}: {value}" for name, value in headers.items())
            found += self.content(f"answer to {asked}", head.encode("utf-8", "surrogateescape"))
            found += self.content(f"answer to {asked}", body)
        return found

    def content(self, place: str, content: bytes, journal: bytes = b"") -> list[Found]:
        """Search bytes; each mark is told once a layer and form."""
        found: dict[Found, None] = {}
        for above, layer in layers(content, journal):
            self.looked_at_bytes += len(layer)
            for entrance, form in self._in(layer):
                found[Found(entrance, place, _short(above), form)] = None
        return list(found)

    def _in(self, content: bytes) -> Iterator[tuple[str, str]]:
        small = content.lower()
        for core in self._marks.cores():
            if not any(_holds(content, small, form) for form in self._forms_of(core)):
                continue
            for mark in self._marks.all.values():
                if core in mark.text:
                    forms_ = self._forms_of(mark.text).items()
                    name = next(
                        (name for form, name in forms_ if _holds(content, small, form)), None
                    )
                    if name is not None:
                        yield mark.entrance, name

    def _forms_of(self, text: str) -> dict[tuple[bytes, bool], str]:
        if text not in self._forms:
            self._forms[text] = forms(text)
        return self._forms[text]


def _holds(content: bytes, small: bytes, form: tuple[bytes, bool]) -> bool:
    return form[0] in (content if form[1] else small)


def _short(above: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.partition("@")[0] for name in above)
