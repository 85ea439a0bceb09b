"""A real HAProxy before the regions, for programs that know one address and nothing of routing tables.

Its configuration is what ``homeroom route haproxy`` makes. Programs that come through it use no library and try nothing
again: what they see fail has failed.
"""

import contextlib
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from demos.crowd import QUESTION, Program
from homeroom.provers.programs import HOMEROOM, ServerProcess


class Visitor:
    """A program with plain HTTP: one attempt, and what comes of it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.found = Counter[str]()
        """Where answers were found, as they say of themselves."""

    async def send(self, events: Sequence[Mapping[str, Any]]) -> str:
        """Send a batch that two regions must hold."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = await self._http.post("/v1/events?ack=remote", json=events, headers=headers)
        token: str = answer.raise_for_status().json()["token"]
        return token.partition("/")[0]

    async def ask(self) -> None:
        """Ask."""
        answer = await self._http.post("/v1/query", json=QUESTION)
        where = answer.raise_for_status().headers.get("homeroom-cache", "")
        self.found[where.partition(";")[0] or "engine"] += 1

    def is_ready(self) -> bool:
        """Say that it is: the front door goes elsewhere, and not its visitors."""
        return True


class HAProxy(ServerProcess):
    """HAProxy near a region, as a process.

    Attributes
    ----------
    url : where it takes clients
    """

    def __init__(self, program: Path, configuration: Path, port: int) -> None:
        command = [str(program), "-db", "-f", str(configuration)]
        super().__init__(command, ("127.0.0.1", port), configuration.with_suffix(".log"))
        self._configuration, self._listen = configuration, f"127.0.0.1:{port}"
        self.url = f"http://{self._listen}"

    def configure(self, data: Path, near: str) -> None:
        """Make its configuration by what a node says."""
        command = [*HOMEROOM, "route", "haproxy", str(data), "--near", near]
        command += ["--listen", self._listen, "--write", str(self._configuration)]
        subprocess.run(command, check=True, capture_output=True)

    @contextlib.asynccontextmanager
    async def visitors(self, region: str, size: int, key: str) -> AsyncIterator[list[Program]]:
        """Have programs that come through it, at a region."""
        headers = {"Authorization": f"Bearer {key}"}
        async with contextlib.AsyncExitStack() as stack:
            programs = []
            for number in range(size):
                http = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)
                await stack.enter_async_context(http)
                name = f"{region} visitor {number}"
                programs.append(Program(name=name, region=region, asker=Visitor(http)))
            yield programs
