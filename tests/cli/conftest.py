"""What the tests of the command line share: the schemas of the docs, as a check."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import referencing

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "outputs"


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in a folder of its own: a command may write a rejects file where it is called."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="session")
def validator() -> Callable[[object, str], None]:
    """Return a function that checks a document against a schema of the docs."""
    contents = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    registry = referencing.Registry().with_contents(contents.items())

    def check(document: object, name: str) -> None:
        jsonschema.Draft202012Validator(contents[name], registry=registry).validate(document)

    return check
