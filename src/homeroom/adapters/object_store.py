"""Objects under names, in a folder or in a store that speaks S3: all that a repository of backups asks of either.

Both do the same few things: put an object under a name that is free, read it, list names, remove. So a repository in
a folder can be copied into a bucket as it is, and back. What differs is told here. A folder's files are made durable
one by one, as a store's objects are when it says yes; a store's answers may be lost on the way, so what is asked of it
may be asked twice.

Where a store is and who may use it comes from the usual variables (``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and so on). None of them is ever shown, and none may stand in a URL.
Where none says who may use it, the library would ask an address that only some clouds have; that it does only if told.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from homeroom import limits
from homeroom.adapters.whole_files import sync
from homeroom.errors import BackupError, DamagedBackupError

if TYPE_CHECKING:
    from obstore import ReadableFile
    from obstore.store import LocalStore, S3Store

__all__ = ["Found", "Objects", "Reader", "make_folder", "open_objects"]

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_KEYS: Final = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
}
_OTHER_KEYS: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
)
_REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class Found:
    """An object that a listing shows: its name, its size, and when it was put there (milliseconds since 1970 UTC)."""

    name: str
    size_bytes: int
    modified_ms: int


class Reader:
    """An object that is read in parts, as a file is.

    Parameters
    ----------
    file : of obstore
    """

    def __init__(self, file: "ReadableFile") -> None:
        self._file = file
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, all of them where no number is given. Raises `OSError`."""
        return bytes(self._file.read(None if size < 0 else size))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that one can go to any place."""
        return True

    def close(self) -> None:
        """Hold it no more."""
        self.closed = True
        self._file.close()


class Objects:
    """Objects in one place.

    Every method raises `BackupError` where the place cannot be used: no space, no permission, no answer.

    Parameters
    ----------
    store : of obstore, which sees nothing but this place
    shown : how errors call the place
    folder : where it lies, if it is a folder of this machine
    """

    def __init__(self, store: "LocalStore | S3Store", shown: str, folder: Path | None) -> None:
        self._store = store
        self.shown = shown
        self.folder = folder

    def put_new(self, name: str, content: bytes) -> bool:
        """Put an object where none is; return when it lasts. False: there is one of this name, and it stays."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._told(name, "written"):
            try:
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
            self._make_durable(name)
        return True

    def replace(self, name: str, content: bytes) -> None:
        """Put an object, whether there is one of this name or not; return when it lasts."""
        import obstore

        with self._told(name, "written"):
            obstore.put(self._store, name, content, mode="overwrite", use_multipart=False)
            self._make_durable(name)

    def get(self, name: str) -> bytes:
        """Return an object.

        Raises `DamagedBackupError` if there is none, or if it is larger than ``limits.BACKUP_OBJECT_BYTES_MAX``.
        """
        import obstore

        with self._told(name, "read"):
            try:
                found = obstore.get(self._store, name)
                size = found.meta["size"]
                if size > limits.BACKUP_OBJECT_BYTES_MAX:
                    raise DamagedBackupError(
                        f"object {name} of {self.shown} has {size:,} bytes, at most "
                        f"{limits.BACKUP_OBJECT_BYTES_MAX:,} are ever written: it is not one of homeroom's"
                    )
                return bytes(found.bytes())
            except FileNotFoundError:
                raise DamagedBackupError(f"object {name} of {self.shown} is missing") from None

    def reader(self, name: str) -> "Reader":
        """Return an object to be read in parts."""
        import obstore

        with self._told(name, "read"):
            return Reader(obstore.open_reader(self._store, name))

    def list(self, prefix: str) -> Iterator[Found]:
        """List the objects whose names begin with ``prefix`` and a slash, or all, in no order."""
        import obstore

        with self._told(prefix, "listed"):
            for found in (
                one for several in obstore.list(self._store, prefix or None) for one in several
            ):
                modified_ms = int(found["last_modified"].timestamp() * 1_000)
                yield Found(found["path"], found["size"], modified_ms)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        import obstore

        with self._told(name, "removed"):
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError:
                return

    def _make_durable(self, name: str) -> None:
        """Have the disk say yes to a file and to its name, in every folder that may be new."""
        if self.folder is None:
            return
        path = self.folder / name
        for place in (path, *path.parents):
            sync(place)
            if place == self.folder:
                break

    @contextmanager
    def _told(self, name: str, what: str) -> Iterator[None]:
        """Turn what the library and the system raise into an error that names place and object."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            raise BackupError(
                f"object {name} of {self.shown} cannot be {what}: {_reason(error)}; check the place, its space and "
                f"who may use it, and run the command again: what is there already is not sent again"
            ) from error


def _reason(error: Exception) -> str:
    """Return the first line of an error: below it the library repeats it for programmers, with what it was sent."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def open_objects(location: str, environment: Mapping[str, str]) -> Objects:
    """Return the objects of a place that is there.

    Parameters
    ----------
    location : a folder, or ``s3://bucket/prefix``
    environment : the variables of the process

    Raises
    ------
    BackupError
        The place makes no sense or is not there, or the package for it is not installed.
    """
    try:
        from obstore import store
    except ImportError as error:
        raise BackupError(
            "backups need the package obstore; install homeroom with its part object-store"
        ) from error
    if "://" in location:
        return _bucket(location, environment)
    folder = Path(location).absolute()
    if not folder.is_dir():
        raise BackupError(f"there is no folder {folder}; name the one that backups were made to")
    return Objects(store.LocalStore(folder), str(folder), folder)


def make_folder(location: str) -> None:
    """Make the folder of a location, if it is one. Raises `BackupError`."""
    if "://" in location:
        return
    folder = Path(location).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"folder {folder} cannot be used: {error.strerror or error}; choose one that is yours"
        ) from error


def _bucket(location: str, environment: Mapping[str, str]) -> Objects:
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    parts = urlsplit(location)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BackupError(
            "a repository's URL holds no keys and no options; who may use the store is told by AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, and where it is by AWS_ENDPOINT_URL"
        )
    if parts.scheme != "s3" or not parts.netloc:
        raise BackupError(
            f"repository is {location!r}; must be a folder, or s3://BUCKET or s3://BUCKET/PREFIX"
        )
    endpoint = next((environment[name] for name in _ENDPOINTS if environment.get(name)), None)
    options: dict[str, Any] = {
        "region": next(
            (environment[name] for name in _REGIONS if environment.get(name)), "us-east-1"
        )
    }
    if endpoint is not None:
        options["endpoint"] = endpoint
    if not any(environment.get(name) for name in (*_KEYS, *_OTHER_KEYS)):
        raise BackupError(
            f"nothing says who may use {location}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or one of "
            f"{', '.join(_OTHER_KEYS)}"
        )
    options |= {key: environment[name] for name, key in _KEYS.items() if environment.get(name)}
    try:
        bucket = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options={
                "allow_http": (endpoint or "").startswith("http://"),
                "timeout": timedelta(milliseconds=limits.OBJECT_WAIT_MS_MAX),
            },
            retry_config={
                "max_retries": limits.OBJECT_TRIES_MAX,
                "retry_timeout": timedelta(milliseconds=limits.OBJECT_WAIT_MS_MAX),
            },
            **options,
        )
    except (BaseError, ValueError) as error:
        raise BackupError(f"the store of {location} cannot be used: {_reason(error)}") from error
    return Objects(bucket, location, None)
