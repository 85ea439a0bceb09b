"""What the tests of backups share: a node's directory, and repositories of each kind."""

import shutil

import pytest

from tests.backups import T0, opened, send
from tests.object_stores import Place


@pytest.fixture(scope="session")
def node_directory(tmp_path_factory):
    """Return a directory of a node that was given batches 0 to 9 and stopped; it is not to be changed."""
    path = tmp_path_factory.mktemp("node") / "data"
    send(path, T0, *range(10))
    return path


@pytest.fixture
def directory(node_directory, tmp_path):
    """Return such a directory that may be changed."""
    return shutil.copytree(
        node_directory, tmp_path / "data", ignore=shutil.ignore_patterns("*.sock")
    )


@pytest.fixture
def repository(tmp_path):
    """Return an empty repository in a folder."""
    return opened(Place(str(tmp_path / "repository"), {}), tmp_path / "backup.key")
