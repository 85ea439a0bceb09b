"""A node in a process of its own, with keys and a webhook, to be searched while it runs and after any end."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeroom.log.control import KeyCreated, Scope
from homeroom.running.hosting import webhooks_of
from homeroom.serve.keys import draw_key
from homeroom.serve.settings import Settings, read_settings
from tests.privacy.marks import Marks
from tests.running.nodes import now_ms, running

__all__ = ["Served", "prepared", "serving"]

CONFIG = '[webhooks]\nallowed_hosts = "127.0.0.1:1"\n[server]\nmetrics = "open"\n'


def prepared(path: Path, marks: Marks) -> dict[str, str]:
    """Make a directory with a key a scope and a webhook; return the keys by scope."""

    async def work() -> dict[str, str]:
        keys = {}
        async with running(path) as node:
            for scope in Scope:
                drawn = draw_key()
                keys[scope.value] = marks.secret(f"key {scope}", drawn.text)
                scopes = {scope, Scope.READ} if scope in (Scope.ADMIN, Scope.PERSONS) else {scope}
                fact = KeyCreated(
                    prefix=drawn.prefix,
                    name=f"{marks('key.name')} {scope}",
                    digest=drawn.digest,
                    tenant="main",
                    owner=drawn.prefix,
                    scopes=tuple(scopes),
                )
                await node.change(fact, "test")
            await node.change(_of_both(keys, marks), "test")
            async with webhooks_of(path, node, _settings(), now_ms) as hooks:
                url = f"http://127.0.0.1:1/{marks('webhook.path')}?a={marks('webhook.query')}"
                made = await hooks.create("main", url, [marks("webhook.cohort")], "test")
                marks.secret("webhook.secret", made.secret)
        return keys

    return asyncio.run(work())


def _of_both(keys: dict[str, str], marks: Marks) -> KeyCreated:
    """Draw the key of somebody who runs webhooks: it needs two scopes."""
    drawn = draw_key()
    keys["admin and persons"] = marks.secret("key of both", drawn.text)
    return KeyCreated(
        prefix=drawn.prefix,
        name=f"{marks('key.name')} both",
        digest=drawn.digest,
        tenant="main",
        owner=drawn.prefix,
        scopes=(Scope.ADMIN, Scope.PERSONS, Scope.READ),
    )


def _settings() -> Settings:
    return read_settings(CONFIG, "a test", {})


class Served:
    """A node that ``homeroom serve`` runs; what it has said is kept."""

    def __init__(self, path: Path, folder: Path) -> None:
        config = folder / "homeroom.toml"
        config.write_text(CONFIG)
        words = ["serve", "--data", str(path), "--port", "0", "--config", str(config)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "homeroom", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "300"},
        )
        self.first = self.process.stderr.readline()
        self.address = re.sub(r"homeroom: listening on (.*)\n", r"\1", self.first)
        self.output = ""

    def end(self, how: signal.Signals) -> None:
        """End the process, and keep what it has said."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=120)
        self.output += out + self.first + err


@contextmanager
def serving(path: Path, folder: Path) -> Iterator[Served]:
    """Have a node served; it is killed at the end, if nothing else has ended it."""
    served = Served(path, folder)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.end(signal.SIGKILL)
