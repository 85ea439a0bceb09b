"""A front door for clients that follow no routing table: the configuration of HAProxy, from a table.

HAProxy asks every node itself whether it is ready, once a second, and a connection that fails takes a node out at once;
so what is written here are places, names and order, and not who was well when it was written: the file is the same
through falls and returns, and is written anew only when nodes come or go. A node that is drained answers 503 to that
question, gets nothing new, and finishes what it has begun.

Each region is a backend of its own, the nearest first, and every backend has the nodes of all other regions behind it:
so a request that was under way when the last node of its region died goes to the next region, and not back to its
client. Sent again are only requests that count once however often they come: questions, and batches, which are known by
their id or their body. Long bodies are not; their clients send again themselves.

Clients keep their connections, and each request gets one of its own to a node. Idle ones that are kept for the next
request were tried and not taken: when a node is killed under load, each that died with it costs the requests then under
way one of their three tries, and a client whose tries are used up hears nothing at all.

Nothing that somebody wrote goes in as it is. Names are of letters, digits, dots, dashes and underscores, addresses are
taken apart and put together again, and anything else is an error. The real program reads the file before it counts
(``haproxy -c``), where it is installed.

Source: HAProxy 2.6 configuration manual (``retry-on``, ``redispatch``, ``track``, ``observe``, ``nbsrv``).
"""

import ipaddress
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from homeroom import limits
from homeroom.client.routes import LAST, NodeRoute, RegionRoute, RoutingTable
from homeroom.distance import km_between
from homeroom.errors import SettingsError

__all__ = ["FrontDoor", "check_configuration", "configuration", "haproxy_program"]

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_FILE: Final = re.compile(r"[A-Za-z0-9_./-]{1,400}")
_PARTS: Final = 1_000
"""In how many parts the clients of a region are divided, where some of them are sent on."""
_PORTS: Final = {"http": 80, "https": 443}

_HEAD: Final = """\
# Made by homeroom route haproxy, from routing table {generation} of world {world}. HAProxy asks nodes itself whether
# they are ready: this changes only when nodes come or go.
global
    maxconn {connections}
    tune.bufsize {buffer}
    hard-stop-after 60s

defaults
    mode http
    option http-server-close
    option http-buffer-request
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response
    timeout connect {connect_ms}ms
    timeout http-request 10s
    timeout http-keep-alive 30s
    timeout queue 10s
    timeout client 75s
    timeout server 75s
    timeout check {wait_ms}ms

frontend homeroom
    bind {bind}
    acl is_read method GET HEAD
    acl counts_once path /v1/events /v1/query
    acl is_put method PUT
    acl is_statement path_beg /xapi/statements
    http-request disable-l7-retry unless is_read or counts_once or is_put is_statement
"""

_BACKEND: Final = """
# {said}
backend region_{name}
    option httpchk
    http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host homeroom
    http-check expect status 200
    default-server inter {inter_ms}ms fastinter {fast_ms}ms downinter {fast_ms}ms rise 2 fall 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Where a front door stands.

    Parameters
    ----------
    listen : where it takes clients, ``host:port``
    place : in degrees north and east; None goes by the order of the table
    certificate : file of its certificate with the key, None to take clients in clear
    authority : file of the authority of nodes that speak https; None for those that the machine trusts
    shares : whether regions get the shares that they have in the table now; the file is to be made anew with these
    """

    listen: str = "127.0.0.1:8080"
    place: tuple[float, float] | None = None
    certificate: str | None = None
    authority: str | None = None
    shares: bool = False


def configuration(table: RoutingTable, door: FrontDoor) -> str:
    """Return the configuration of a front door of a world.

    Raises `SettingsError` if a name, an address or a file cannot stand in it.
    """
    regions = _ordered(table, door.place)
    bind = _listening(door.listen)
    if door.certificate is not None:
        bind += f" ssl crt {_file(door.certificate)} alpn h2,http/1.1 ssl-min-ver TLSv1.2"
    out = [
        _HEAD.format(
            generation=table.generation,
            world=_named(table.world),
            connections=limits.FRONT_DOOR_CONNECTIONS_MAX,
            buffer=limits.FRONT_DOOR_BODY_BYTES_MAX,
            connect_ms=limits.ENDPOINT_CONNECT_MS,
            wait_ms=limits.FRONT_DOOR_CHECK_MS_MAX,
            bind=bind,
        )
    ]
    out += [_use(region, door) for region in regions]
    out.append(f"    default_backend region_{_named(regions[0].name)}\n")
    out += [_backend(region, regions, door) for region in regions]
    return "".join(out)


def _ordered(table: RoutingTable, place: tuple[float, float] | None) -> list[RegionRoute]:
    """Return the regions that have addresses, the nearest first."""
    regions = [one for one in table.regions if any(node.http for node in one.nodes)]
    if not regions:
        raise SettingsError(f"no node of world {table.world[:80]} has an address for clients")
    if place is not None:
        regions.sort(key=lambda one: km_between(place, (one.latitude, one.longitude)))
    return regions


def _use(region: RegionRoute, door: FrontDoor) -> str:
    """Return when requests go to a region: some of its own nodes are ready, and it takes this one."""
    name = _named(region.name)
    is_part = door.shares and region.state not in LAST and region.weight < 1
    part = f" {{ rand({_PARTS}) lt {round(max(region.weight, 0.0) * _PARTS)} }}" if is_part else ""
    return f"    use_backend region_{name} if {{ nbsrv(ready_{name}) gt 0 }}{part}\n"


def _backend(region: RegionRoute, regions: Sequence[RegionRoute], door: FrontDoor) -> str:
    name = _named(region.name)
    out = [
        _BACKEND.format(
            said=f"{name}: its own nodes, and behind them those of the other regions, the nearest first",
            name=name,
            inter_ms=limits.FRONT_DOOR_CHECK_MS,
            fast_ms=limits.FRONT_DOOR_CHECK_MS // 2,
        )
    ]
    own = [node for node in region.nodes if node.http]
    out += [
        f"    server {_server(node, door)} check observe layer4 error-limit 1 on-error mark-down\n"
        for node in own
    ]
    for other in regions:
        if other is not region:
            tracked = f"track region_{_named(other.name)}"
            out += [
                f"    server {_server(node, door)} {tracked}/{_named(node.name)} backup\n"
                for node in other.nodes
                if node.http
            ]
    out.append(f"\nbackend ready_{name}\n")
    out += [
        f"    server {_server(node, door)} track region_{name}/{_named(node.name)}\n"
        for node in own
    ]
    return "".join(out)


def _server(node: NodeRoute, door: FrontDoor) -> str:
    scheme, host, port = _address(node.http)
    said = f"{_named(node.name)} {host}:{port}"
    if scheme == "https":
        authority = "@system-ca" if door.authority is None else _file(door.authority)
        said += f" ssl verify required ca-file {authority}"
        if not _is_ip(host):
            said += f" sni str({host}) check-sni {host} verifyhost {host} init-addr last,libc,none"
    elif not _is_ip(host):
        said += " init-addr last,libc,none"
    return said


def _named(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise SettingsError(
            f"{text[:80]!r} cannot be the name of a server of HAProxy: at most 64 letters, digits, dots, dashes and "
            "underscores, with a letter or digit at both ends"
        )
    return text


def _file(text: str) -> str:
    if not _FILE.fullmatch(text):
        raise SettingsError(
            f"the file {text[:80]!r} cannot stand in a configuration of HAProxy: letters, digits and _ . / - only"
        )
    return text


def _listening(place: str) -> str:
    try:
        _, host, port = _address(f"http://{place}")
    except SettingsError:
        host, port = "", 0
    # A port that is left out would be 80, which nobody has asked for.
    if not host or not re.search(r":\d+\Z", place, re.ASCII):
        raise SettingsError(
            f"{place[:80]!r} is no place to listen at: a name or IP address and a port, as 127.0.0.1:8080 or [::1]:8080"
        )
    return f"{host}:{port}"


def _address(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address; the host is a name or an IP address and nothing else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        address = ipaddress.ip_address(host) if _is_ip(host) else None
    except ValueError:
        host = ""
        parts, port, address = urlsplit(""), None, None
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    is_bare = is_bare and url.isascii() and url.isprintable()
    # A zone of an IPv6 address is free text, and means nothing on another machine.
    is_host = "%" not in host and (address is not None or _HOST.fullmatch(host) is not None)
    if parts.scheme not in _PORTS or not is_bare or not is_host or port == 0:
        raise SettingsError(
            f"{url[:80]!r} is no address that HAProxy could have: http:// or https://, a name or IP address, and a port"
        )
    if address is not None:
        host = f"[{address}]" if address.version == 6 else str(address)
    return parts.scheme, host, port or _PORTS[parts.scheme]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


# --- the program -----------------------------------------------------------------------------------------------------


def haproxy_program() -> Path | None:
    """Return the program, None if it is not installed."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    return None if found is None else Path(found)


def check_configuration(text: str) -> str:
    """Return what the installed program has against a configuration, empty if it takes it.

    Raises `SettingsError` if there is no program, or it hangs.
    """
    program = haproxy_program()
    if program is None:
        raise SettingsError(
            "haproxy is not installed here, so nothing can say whether it reads this"
        )
    with tempfile.TemporaryDirectory(prefix="homeroom-haproxy-") as folder:
        path = Path(folder) / "haproxy.cfg"
        path.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 - our own file, and no shell
                [program, "-c", "-f", path],
                capture_output=True,
                text=True,
                check=False,
                timeout=limits.FRONT_DOOR_PROGRAM_S_MAX,
            )
        except subprocess.TimeoutExpired as error:
            raise SettingsError(
                f"{program} does not come to an end with the configuration"
            ) from error
        said = (done.stderr + done.stdout).replace(str(path), "the configuration").strip()
    return "" if done.returncode == 0 else said or f"it ends with {done.returncode}"
