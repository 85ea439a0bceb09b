"""A node with its interface: put together, started in order, stopped in the reverse one.

The node is there before the first client is heard, and goes after the last one has its answer: so whatever was taken is
durable and folded, and in the last snapshot, before the process ends.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

from homeroom.adapters import system_clock
from homeroom.adapters.certificates import is_signature
from homeroom.adapters.web_server import Listening, serve_until
from homeroom.adapters.world_file import Stage, read_world
from homeroom.errors import SettingsError
from homeroom.running.audit_keeping import AuditKeeping
from homeroom.running.cache_hosting import cache_of
from homeroom.running.home_webhooks import HomeWebhooks
from homeroom.running.in_world import InWorld
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.running.sharding.options import ShardOptions
from homeroom.running.sharding.over_ray import over_ray
from homeroom.running.sorted_fabric import SortedFabric
from homeroom.running.traffic import RunningTraffic, Standpoint
from homeroom.running.webhook_requests import webhook_requests
from homeroom.running.webhooks import RunningWebhooks, WebhookOptions
from homeroom.running.world_place import located, world_place
from homeroom.scaling.engine import Missing
from homeroom.serve.access import Access, Tokens
from homeroom.serve.app import make_app
from homeroom.serve.interface import Interface, make_interface
from homeroom.serve.pages.provider import Provider
from homeroom.serve.settings import OidcSettings, ServerSettings, Settings, ShardSettings
from homeroom.serve.xapi.admission import Admitted

if TYPE_CHECKING:
    from homeroom.adapters.oidc import OidcTokens

__all__ = [
    "AUDIT_FILE",
    "host",
    "in_world",
    "interface_of",
    "node_options",
    "provider_of",
    "tokens_of",
    "traffic_of",
    "webhooks_of",
]

AUDIT_FILE: Final = "audit.ndjson"
"""Where a data directory keeps who looked at persons, and who changed what."""


async def host(
    path: Path,
    settings: Settings,
    now_ms: Callable[[], int],
    stopping: asyncio.Event,
    heard: Callable[[str], None],
) -> None:
    """Run a node on a directory behind its interface, until it is asked to stop.

    If it has fetched the state of another node, it is stopped and started again with that: clients find no connection
    for a moment, and ``heard`` is told once more.

    Parameters
    ----------
    path : the data directory, which is made if there is none
    settings : of the node
    now_ms : the clock of the machine
    stopping : ends it; so do SIGTERM and SIGINT
    heard : is told the address, once it answers

    Raises
    ------
    DataDirectoryError, StoreError, KeyFileError, AuditError, SettingsError
        The directory is damaged or in use, or a setting cannot be used.
    """
    while await _host_once(path, settings, now_ms, stopping, heard):
        pass


async def _host_once(
    path: Path,
    settings: Settings,
    now_ms: Callable[[], int],
    stopping: asyncio.Event,
    heard: Callable[[str], None],
) -> bool:
    """Run a node until it is asked to stop, or has to start with another state; say whether it is the latter."""
    tokens = tokens_of(settings.oidc)
    world = in_world(settings)
    settings = located(settings, None if world is None else world.world)
    called = "" if world is None else world.world.name
    node = await RunningNode.open(path, node_options(settings, now_ms, world))
    ending, is_again = asyncio.Event(), False

    async def end() -> None:
        nonlocal is_again
        waits = [asyncio.ensure_future(one.wait()) for one in (stopping, node.renewal)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        is_again = not (stopping.is_set() or ending.is_set())
        ending.set()
        for wait in waits:
            wait.cancel()

    watching = asyncio.ensure_future(end())
    try:
        async with (
            webhooks_of(path, node, settings, now_ms) as webhooks,
            cache_of(node, settings, called, now_ms) as cache,
            interface_of(path, (node, webhooks), settings, (now_ms, tokens)) as interface,
            traffic_of(path, node, world, (now_ms, _load_of(interface))) as traffic,
        ):
            interface.metrics.caches = cache.status if cache is not None else None
            whole = replace(
                interface,
                stopping=ending,
                remembering=cache,
                traffic=traffic,
                provider=provider_of(settings),
            )
            records = Admitted(whole, node.records, is_signature, node.records.pseudonym_of)
            app = make_app(whole, {"/xapi": records})
            await serve_until(app, _listening(settings.server), ending, heard)
    finally:
        watching.cancel()
        await node.stop()
    return is_again


def node_options(
    settings: Settings, now_ms: Callable[[], int], world: InWorld | None = None
) -> NodeOptions:
    """Return how a node runs under these settings."""
    node = settings.node
    return NodeOptions(
        now_ms=now_ms,
        name=node.name,
        region=node.region,
        jurisdiction=node.jurisdiction,
        timezone=node.timezone,
        wait_ms=round(node.wait_seconds * 1_000),
        snapshot_ms=round(node.snapshot_seconds * 1_000),
        record_copy_ms=round(node.record_copy_seconds * 1_000),
        store_url=node.store_url,
        erasure_register=Path(node.erasure_register) if node.erasure_register else None,
        backup_days=node.backup_days or None,
        keeps_answers=bool(settings.cache.redis_url or settings.cache.redis_world_url),
        world=world,
        shards=_shards(settings.shards),
    )


def _shards(settings: ShardSettings) -> ShardOptions | None:
    if not settings.count:
        return None
    return ShardOptions(
        count=settings.count,
        cluster=over_ray(settings.ray_address),
        missing=Missing(settings.missing),
    )


def in_world(settings: Settings) -> InWorld | None:
    """Return what makes a node a member of its world under these settings; None for one that is alone.

    Raises `SettingsError` and `KeyFileError` as `homeroom.running.world_place.world_place` does.
    """
    place = world_place(settings)
    if place is None:
        return None
    return InWorld(
        world=place.world,
        fabric=SortedFabric(place.fabric),
        steady_ms=system_clock.steady_ms,
        draw=SystemRandom().randrange,
        ack_wait_ms=round(settings.acknowledgement.wait_seconds * 1_000),
        reread=lambda: read_world(Path(settings.world.file), Stage.RUNNING),
    )


@asynccontextmanager
async def traffic_of(
    path: Path,
    node: RunningNode,
    world: InWorld | None,
    outside: tuple[Callable[[], int], Callable[[], float]],
) -> AsyncIterator[RunningTraffic | None]:
    """Have the vantage point of a node that serves; None where it is alone, or its fabric knows no heartbeats.

    ``outside`` is the clock of the machine, and how busy the node is.
    """
    belonging = node.belonging
    if world is None or belonging is None or not isinstance(world.fabric, SortedFabric):
        yield None
        return
    traffic = RunningTraffic(
        Standpoint(
            node=belonging.node,
            world=lambda: world.world if world.reread is None else world.reread(),
            folder=path,
            fabric=world.fabric,
            key=(node.sign, belonging.keys.verify),
            clocks=(world.steady_ms, outside[0]),
            draw=world.draw,
            members=lambda: belonging.looks.members,
            control=node.control,
            is_ready=lambda: node.is_ready,
            load=outside[1],
            source=world.source,
        )
    )
    node.watch(traffic.troubles)
    node.upkeep.routes = traffic.ordering.asked
    traffic.begin()
    try:
        yield traffic
    finally:
        node.upkeep.routes = None
        await traffic.stop()


@asynccontextmanager
async def interface_of(
    path: Path,
    inside: tuple[RunningNode, RunningWebhooks | HomeWebhooks],
    settings: Settings,
    outside: tuple[Callable[[], int], Tokens | None],
) -> AsyncIterator[Interface]:
    """Have the interface of a node and its webhooks; ``outside`` is a clock, and who checks a provider's tokens."""
    (node, webhooks), (now_ms, tokens) = inside, outside
    keeping = await AuditKeeping.begin(node, path / AUDIT_FILE, settings.node.name, now_ms)
    try:
        access = Access(node.control, tokens)

        def erased(tenant: str, who: str, about: Mapping[str, Any]) -> None:
            keeping.audit.record(now_ms(), tenant, who, "erasure", about)

        node.erasures.audit_with(erased)

        def about_a_person(tenant: str, who: str, what: str, about: Mapping[str, Any]) -> None:
            keeping.audit.record(now_ms(), tenant, who, what, about)

        node.persons.audit_with(about_a_person)
        yield make_interface(node, webhooks, settings, access, keeping.audit, now_ms)
    finally:
        node.erasures.audit_with(None)
        node.persons.audit_with(None)
        await keeping.stop()


@asynccontextmanager
async def webhooks_of(
    path: Path, node: RunningNode, settings: Settings, now_ms: Callable[[], int]
) -> AsyncIterator[RunningWebhooks | HomeWebhooks]:
    """Have the webhooks of a node; in a world they are delivered while it is the home, or each target heard all twice.

    Raises `StoreError` and `KeyFileError`.
    """
    options = WebhookOptions(
        path=path,
        now_ms=now_ms,
        state=node.change,
        control=node.control,
        source=node.heed,
        allowed_hosts=settings.webhooks.hosts,
    )
    if node.belonging is not None:
        at_home = HomeWebhooks(node, options)
        try:
            await at_home.start()
            yield at_home
        finally:
            await at_home.stop()
        return
    webhooks = await RunningWebhooks.open(options)
    node.watch(webhooks.troubles)
    node.upkeep.webhooks = webhook_requests(webhooks)
    node.erasures.deliver_with(webhooks.forget)
    try:
        yield webhooks
    finally:
        node.erasures.deliver_with(None)
        node.upkeep.webhooks = None
        await webhooks.stop()


def _load_of(interface: Interface) -> Callable[[], float]:
    now = asyncio.get_running_loop().time
    return lambda: interface.overload.load(1_000 * now())


def tokens_of(oidc: OidcSettings) -> Tokens | None:
    """Return who checks tokens under these settings, None if nobody does. Raises `SettingsError`."""
    if oidc.issuer is None or oidc.audience is None or oidc.keys is None:
        return None
    return _tokens(oidc, oidc.audience)


def _tokens(oidc: OidcSettings, audience: str) -> "OidcTokens":
    from homeroom.adapters.oidc import OidcTokens

    assert oidc.issuer is not None, "settings were checked"
    assert oidc.keys is not None, "settings were checked"
    must_be = {"issuer": oidc.issuer, "audience": audience, "algorithm": oidc.algorithm}
    names = {"scope": oidc.scope_claim, "default": oidc.tenant}
    if oidc.tenant_claim is not None:
        names["tenant"] = oidc.tenant_claim
    return OidcTokens(must_be, oidc.keys, oidc.keys_seconds, names)


def provider_of(settings: Settings) -> Provider | None:
    """Return where people sign in to the pages beside here, None if they do not. Raises `SettingsError`."""
    oidc = settings.oidc
    if oidc.client is None:
        return None
    from homeroom.adapters.oidc_sign_in import OidcSignIn

    tokens = _tokens(oidc, oidc.client)
    secret = ""
    if oidc.client_secret_file is not None:
        try:
            lines = Path(oidc.client_secret_file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"oidc.client_secret_file: {oidc.client_secret_file} cannot be read ({type(error).__name__})"
            ) from error
        secret = lines[0].strip() if lines else ""
    assert oidc.authorization_url is not None, "settings were checked"
    assert oidc.token_url is not None, "settings were checked"
    assert oidc.issuer is not None, "settings were checked"
    back = f"{settings.pages.address}/sign-in/provider/back"
    places = (oidc.authorization_url, oidc.token_url, back)
    return OidcSignIn(tokens, (oidc.client, secret), places, oidc.issuer)


def _listening(server: ServerSettings) -> Listening:
    return Listening(
        host=server.host,
        port=server.port,
        certificate=server.certificate,
        certificate_key=server.certificate_key,
        connections_max=server.connections_max,
        header_s_max=server.header_seconds_max,
        idle_s_max=server.idle_seconds_max,
        stop_s_max=server.stop_seconds_max,
    )
