"""Places for objects that tests use: folders, and buckets of an S3-compatible store that really runs."""

import contextlib
import http.client
import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from homeroom.adapters.object_store import Objects, make_folder, open_objects

ROOT = Path(__file__).resolve().parent.parent
SECRET = "the-secret-access-key-of-the-tests"


@dataclass
class Server:
    """A store that runs."""

    url: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def bucket(self) -> str:
        """Make a bucket; return the URL of a place in it."""
        name = f"bucket-{next(self.numbers)}"
        with contextlib.closing(http.client.HTTPConnection(urlsplit(self.url).netloc)) as client:
            client.request("PUT", f"/{name}")
            assert client.getresponse().status == 200
        return f"s3://{name}/a/prefix"


def served() -> Iterator[Server]:
    """Yield a store that runs."""
    command = [sys.executable, "-m", "tests.object_store_process"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process.stdout.readline().strip())
        process.stdin.close()


@dataclass(frozen=True)
class Place:
    """Where a repository may lie."""

    location: str
    environment: dict[str, str]

    def open(self) -> Objects:
        make_folder(self.location)
        return open_objects(self.location, self.environment)


def place_of(kind: str, request) -> Place:
    """Return an empty place of a kind: ``folder`` or ``s3``."""
    if kind == "folder":
        return Place(str(request.getfixturevalue("tmp_path") / "repository"), {})
    server = request.getfixturevalue("object_server")
    return Place(server.bucket(), server.environment)


KINDS = ("folder", "s3")
