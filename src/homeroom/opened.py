"""A data directory is opened to be asked.

What reads files knows every format there is, and importing all that takes as long as a short question. So what opens a
directory stands apart, and needs none of it.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path

from homeroom import corrections
from homeroom.adapters.directory import DataDirectory, Manifest
from homeroom.adapters.kept_code import use_kept_code
from homeroom.adapters.keyfile import default_key_path, open_key
from homeroom.adapters.labelled_directory import open_labelled
from homeroom.adapters.threads import ThreadRun
from homeroom.dataset import Dataset, PathLike
from homeroom.errors import DataDirectoryError
from homeroom.node.node import Node

__all__ = ["key_opener", "open_directory"]


def open_directory(directory: PathLike, key: PathLike | None = None) -> Dataset:
    """Open a data directory to ask questions, or to correct it. Raises `DataDirectoryError`.

    Parameters
    ----------
    directory : that `load` made
    key : the key of its pseudonyms, if it does not lie in the directory; questions do not need it
    """
    use_kept_code()
    place = DataDirectory(Path(directory))
    manifest = corrections.loaded_manifest(place)
    try:
        state = open_labelled(place, manifest, ThreadRun())
    except DataDirectoryError:
        if place.manifest() == manifest:
            raise
        return open_directory(
            directory, key
        )  # a load has ended between the two; its manifest is whole
    return Dataset(
        Node(state), corrections.source_of(manifest), key_opener(key, directory), directory
    )


def key_opener(key: PathLike | None = None, data: PathLike | None = None) -> Callable[[], bytes]:
    """Return what opens the key of the pseudonyms, when it is first needed.

    Parameters
    ----------
    key : a key file, made if there is none; absent means the one in the user's configuration
    data : a data directory, whose own key is meant; with ``key``, this one, and it must be the directory's
    """

    def of_directory() -> bytes:
        assert data is not None, "chosen below"
        place = DataDirectory(Path(data))
        return place.key(place.manifest() or Manifest(), None if key is None else Path(key))

    def of_file() -> bytes:
        return open_key(default_key_path(os.environ) if key is None else Path(key))

    return functools.cache(of_file if data is None else of_directory)
