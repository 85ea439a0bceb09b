"""Settings of a node: one list of definitions, from which the file, the variables and the reference page are made.

A setting stands in a TOML file, or in a variable ``HOMEROOM_SECTION_NAME``, which counts more: what a container is
given is meant for just that one. A name that is not known is refused and not skipped, with the name that it might be; a
node that starts with half of what somebody wrote is worse than one that does not start.

Secrets are no settings: keys are created by a command and kept as digests, and certificates are files that are named.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from homeroom import limits
from homeroom.errors import SettingsError
from homeroom.traffic.overload.kinds import STANDARD, Bounds, Kind

__all__ = [
    "PREFIX",
    "AcknowledgementSettings",
    "CacheSettings",
    "LimitSettings",
    "NodeSettings",
    "OidcSettings",
    "OverloadSettings",
    "PagesSettings",
    "ServerSettings",
    "Settings",
    "ShardSettings",
    "WebhookSettings",
    "WorldSettings",
    "read_settings",
    "sections",
]

PREFIX: Final = "HOMEROOM_"
"""How every variable that is a setting begins."""
_HOW: Final = "docs/reference/settings.md lists them all"
_NONE: Final = "none"
"""How an absent value is written in a variable."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the node listens, and how long it waits for whoever is slow."""

    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="port to listen on; 0 takes one that is free")
    ] = 8080
    certificate: Annotated[
        str | None,
        Meta(
            description="file of the TLS certificate and its chain (PEM); without it HTTP is spoken"
        ),
    ] = None
    certificate_key: Annotated[
        str | None, Meta(description="file of the certificate's private key (PEM)")
    ] = None
    connections_max: Annotated[
        int, Meta(ge=1, le=65_536, description="connections at once; further ones are told 503")
    ] = 1_024
    header_seconds_max: Annotated[
        float, Meta(gt=0, le=600, description="how long a client may take to send its headers")
    ] = 10.0
    body_seconds_max: Annotated[
        float, Meta(gt=0, le=3_600, description="how long a client may take to send a body")
    ] = 30.0
    answer_seconds_max: Annotated[
        float,
        Meta(gt=0, le=3_600, description="how long a request may take in all, its answer read"),
    ] = 120.0
    idle_seconds_max: Annotated[
        float, Meta(gt=0, le=3_600, description="how long a connection may stay idle")
    ] = 75.0
    metrics: Annotated[
        Literal["open", "admin"],
        Meta(
            description="who may read `/metrics`: everybody who reaches it, or a key of scope admin"
        ),
    ] = "open"
    stop_seconds_max: Annotated[
        float,
        Meta(
            gt=0, le=3_600, description="how long requests under way may take when the node stops"
        ),
    ] = 30.0


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The node itself."""

    name: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9-]{0,62}$",
            description="its name; no two nodes of a world share one",
        ),
    ] = "node"
    region: Annotated[
        str,
        Meta(
            pattern="^([a-z0-9][a-z0-9-]{0,62})?$",
            description="the region that it is in, such as eu-west; pinned tenants are taken in some only",
        ),
    ] = ""
    jurisdiction: Annotated[
        str,
        Meta(
            pattern="^([a-z0-9][a-z0-9-]{0,62})?$",
            description="the legal area that it is in, such as eu; the compliance report goes by it",
        ),
    ] = ""
    timezone: Annotated[
        str, Meta(description="IANA name of the zone in which a new directory's days are cut")
    ] = "UTC"
    wait_seconds: Annotated[
        float,
        Meta(ge=0, le=60, description="how long a read waits for an entry that it must be after"),
    ] = 5.0
    store_url: Annotated[
        str,
        Meta(
            description="PostgreSQL database of the log (postgresql://…; a password by PGPASSFILE); without one, files"
        ),
    ] = ""
    erasure_register: Annotated[
        str,
        Meta(
            description="file in which erasures are durable, outside of the data directory and of all backups; without "
            "one nobody can be erased"
        ),
    ] = ""
    backup_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="for how many days backups are kept, as certificates of erasure tell it; 0 says nothing of it",
        ),
    ] = 0
    snapshot_seconds: Annotated[
        float,
        Meta(ge=1, le=86_400, description="how often a snapshot is written, if anything has come"),
    ] = 300.0
    record_copy_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=604_800,
            description="how often the records are copied, if anything has come, so that the log forgets what "
            "two copies hold; 0 is never, and it keeps all documents, as in a world it does always",
        ),
    ] = 21_600.0


class AcknowledgementSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """How many regions hold a batch before its client hears yes: `local`, `remote` or `all`. Only in a world."""

    least: Annotated[
        Literal["local", "remote", "all"],
        Meta(description="what every batch waits for, also where its client asks for less"),
    ] = "local"
    most: Annotated[
        Literal["local", "remote", "all"], Meta(description="what a client may ask to wait for")
    ] = "all"
    wait_seconds: Annotated[
        float,
        Meta(
            gt=0, le=60, description="how long a batch waits for other regions; then it is told 504"
        ),
    ] = 5.0


class WorldSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The world of regions that the node belongs to; `homeroom world init` writes these. Without a file it is alone."""

    file: Annotated[
        str, Meta(description="the file of regions, in which a node is called `node.name`")
    ] = ""
    certificate: Annotated[
        str,
        Meta(description="file of the certificate by which it shows the fabric who it is (PEM)"),
    ] = ""
    certificate_key: Annotated[
        str, Meta(description="file of the certificate's private key (PEM), mode 0600")
    ] = ""
    authority: Annotated[
        str,
        Meta(description="file of the authority that vouches for the servers of the fabric (PEM)"),
    ] = ""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one key may ask for."""

    body_bytes_max: Annotated[
        int,
        Meta(
            ge=1_024,
            le=limits.ENTRY_UNPACKED_BYTES_MAX,
            description="bytes of a body after decompression; more is told 413",
        ),
    ] = 8 << 20
    requests_per_second: Annotated[
        float, Meta(gt=0, description="requests of a key, on average; more is told 429")
    ] = 2_000.0
    requests_burst: Annotated[
        int, Meta(ge=1, description="requests of a key that may come at once")
    ] = 10_000
    events_per_second: Annotated[
        float, Meta(gt=0, description="events of a key, on average; more is told 429")
    ] = 500_000.0
    events_burst: Annotated[
        int,
        Meta(ge=limits.SENT_EVENTS_MAX, description="events of a key that may come at once"),
    ] = 2_000_000


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers that are told without asking again. By default these are the ones that would be given again."""

    megabytes: Annotated[
        int,
        Meta(ge=0, le=1 << 20, description="memory for answers in the process; 0 keeps none"),
    ] = 64
    entries: Annotated[
        int,
        Meta(ge=1, le=limits.CACHE_ENTRIES_MAX, description="answers that are kept in the process"),
    ] = 100_000
    seconds: Annotated[
        float, Meta(gt=0, le=604_800, description="how long an answer is kept at most")
    ] = 3_600.0
    stale_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="for so long an answer is told, marked as stale, while it is made anew after more has come; "
            "0 is never",
        ),
    ] = 0.0
    stale_on_error_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=604_800,
            description="the same where it cannot be made anew; 0 is never",
        ),
    ] = 0.0
    redis_url: Annotated[
        str,
        Meta(
            description="the Redis that the nodes of the region share: redis://host:6379/0, rediss://… or unix://…; "
            "without one each node keeps its own"
        ),
    ] = ""
    redis_world_url: Annotated[
        str,
        Meta(
            description="the Redis of another region, such as the home's, for answers that say of nobody who it is, "
            "where an answer takes longer than the way there"
        ),
    ] = ""
    redis_password_file: Annotated[
        str,
        Meta(description="file whose first line is the password of both; without one none is sent"),
    ] = ""
    redis_ms_max: Annotated[
        int,
        Meta(ge=1, le=1_000, description="how long a request to the region's Redis may take, ms"),
    ] = 25
    key_log: Annotated[
        str,
        Meta(
            description="file to which digests of what is asked for are written, for homeroom cache advise; "
            "without one none are"
        ),
    ] = ""
    key_log_share: Annotated[
        float, Meta(gt=0, le=1, description="share of what is asked for that is in it")
    ] = 0.01


class OverloadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many requests are let in at once, found by how long they take; what is too much is told 503."""

    ingest_ms: Annotated[
        float,
        Meta(
            ge=1,
            le=60_000,
            description="what events and statements may take on average, once let in, before fewer are let in",
        ),
    ] = float(limits.OVERLOAD_INGEST_MS)
    query_ms: Annotated[float, Meta(ge=1, le=600_000, description="the same of questions")] = float(
        limits.OVERLOAD_QUERY_MS
    )
    export_ms: Annotated[
        float,
        Meta(
            ge=1,
            le=3_600_000,
            description="the same of reports, lists of members, explanations and what is known of a person",
        ),
    ] = float(limits.OVERLOAD_EXPORT_MS)
    in_flight_max: Annotated[
        int,
        Meta(
            ge=64,
            le=65_536,
            description="events and statements, and questions, that are ever under way at once, of each",
        ),
    ] = limits.OVERLOAD_IN_FLIGHT_MAX
    queue_max: Annotated[
        int, Meta(ge=1, le=65_536, description="requests of a class that wait to be let in")
    ] = limits.OVERLOAD_QUEUE_MAX

    def bounds(self) -> Mapping[Kind, Bounds]:
        """Return the bounds of each class."""
        targets = {
            Kind.INGEST: self.ingest_ms,
            Kind.QUERY: self.query_ms,
            Kind.EXPORT: self.export_ms,
        }
        return {
            kind: replace(
                bounds,
                target_ms=targets[kind],
                limit_start=min(bounds.limit_start, self.in_flight_max),
                limit_max=bounds.limit_max if kind is Kind.EXPORT else self.in_flight_max,
                queue_max=self.queue_max,
            )
            for kind, bounds in STANDARD.items()
        }


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bearer tokens of an OpenID Connect provider. Without an issuer none are taken."""

    issuer: Annotated[str | None, Meta(description="what a token's `iss` must be")] = None
    audience: Annotated[str | None, Meta(description="what a token's `aud` must hold")] = None
    algorithm: Annotated[
        str,
        Meta(
            pattern="^(RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA)$",
            description="the one algorithm that a token may be signed with",
        ),
    ] = "RS256"
    keys: Annotated[
        str | None, Meta(description="the provider's JWK Set: a file, or an https:// address")
    ] = None
    keys_seconds: Annotated[
        int, Meta(ge=60, le=86_400, description="how long a fetched JWK Set is used")
    ] = 3_600
    scope_claim: Annotated[
        str,
        Meta(
            description="the claim that holds the scopes, as text or list, each as `homeroom:read`"
        ),
    ] = "scope"
    tenant_claim: Annotated[
        str | None, Meta(description="the claim that names the tenant; without it it is `tenant`")
    ] = None
    tenant: Annotated[str, Meta(description="the tenant, where no claim names it")] = "main"
    client: Annotated[
        str | None,
        Meta(
            description="the name under which the provider knows the pages; with it people sign in there"
        ),
    ] = None
    client_secret_file: Annotated[
        str | None,
        Meta(
            description="file whose first line is the secret of that name; without it none is sent"
        ),
    ] = None
    authorization_url: Annotated[
        str | None, Meta(description="where the provider has people sign in (https://…)")
    ] = None
    token_url: Annotated[
        str | None, Meta(description="where it exchanges a code for tokens (https://…)")
    ] = None


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pages, and those who are signed in to them."""

    address: Annotated[
        str,
        Meta(
            pattern="^(https?://[^/ ]+)?$",
            description="how browsers reach this node, such as https://numbers.school.example; an address of https has "
            "cookies sent over TLS alone. Without one it is where the node listens",
        ),
    ] = ""
    idle_minutes: Annotated[
        float,
        Meta(gt=0, le=10_080, description="after so long without a request somebody is signed out"),
    ] = 60.0
    life_hours: Annotated[
        float, Meta(gt=0, le=720, description="after so long in all somebody has to sign in again")
    ] = 12.0


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Webhooks. Their targets must be of the public network and speak HTTPS, but for these."""

    allowed_hosts: Annotated[
        str,
        Meta(
            description="hosts that webhooks may reach wherever they lead, and by plain HTTP: `name` or `name:port`, "
            "with commas between"
        ),
    ] = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Each of ``allowed_hosts``."""
        return tuple(filter(None, (host.strip() for host in self.allowed_hosts.split(","))))


class ShardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shards, in which learners are where one process cannot hold them. Needs Ray: `pip install 'homeroom[ray]'`."""

    count: Annotated[
        int,
        Meta(
            ge=0,
            le=limits.SHARDS_MAX,
            description="shards that a directory begins with, each a process; 0 has all learners in the node itself",
        ),
    ] = 0
    ray_address: Annotated[
        str,
        Meta(
            description="the cluster of Ray that has them, as `host:6379`; without one, Ray is started here"
        ),
    ] = ""
    missing: Annotated[
        Literal["refused", "marked"],
        Meta(
            description="what becomes of a question while a shard is away: it is told 503, or answered without it"
        ),
    ] = "refused"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of a node, by section."""

    server: ServerSettings = ServerSettings()
    node: NodeSettings = NodeSettings()
    acknowledgement: AcknowledgementSettings = AcknowledgementSettings()
    world: WorldSettings = WorldSettings()
    limits: LimitSettings = LimitSettings()
    cache: CacheSettings = CacheSettings()
    overload: OverloadSettings = OverloadSettings()
    oidc: OidcSettings = OidcSettings()
    pages: PagesSettings = PagesSettings()
    webhooks: WebhookSettings = WebhookSettings()
    shards: ShardSettings = ShardSettings()

    def check(self) -> None:
        """Raise `SettingsError` where settings do not go together."""
        if (self.server.certificate is None) != (self.server.certificate_key is None):
            raise SettingsError(
                "server.certificate and server.certificate_key go together; give both, or neither"
            )
        fabric = (self.world.certificate, self.world.certificate_key, self.world.authority)
        if any(fabric) and not all((self.world.file, *fabric)):
            raise SettingsError(
                "world.file, world.certificate, world.certificate_key and world.authority go together; give all"
            )
        if self.shards.count and (self.cache.redis_url or self.cache.redis_world_url):
            raise SettingsError(
                "cache.redis_url and shards.count do not go together: answers of shards are not kept; leave one of them"
            )
        oidc = self.oidc
        if oidc.issuer is not None and None in (oidc.audience, oidc.keys):
            raise SettingsError(
                "oidc.issuer needs oidc.audience and oidc.keys: a token of anybody else's would be taken"
            )
        ways = (oidc.issuer, oidc.authorization_url, oidc.token_url, self.pages.address or None)
        if oidc.client is not None and None in ways:
            raise SettingsError(
                "oidc.client needs oidc.issuer, oidc.authorization_url, oidc.token_url and pages.address"
            )


def read_settings(text: str, source: str, environment: Mapping[str, str]) -> Settings:
    """Return the settings of a file, with what the environment says in place of it.

    Parameters
    ----------
    text : the file's TOML; empty for none
    source : the file's name, for messages
    environment : the variables of the process; those that begin with ``HOMEROOM_`` and a section's name count

    Raises
    ------
    SettingsError
        A setting is not known, or its value may not be.
    """
    try:
        written = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{source} is no TOML: {error}") from None
    for section, fields in written.items():
        _check_known(section, sections(), f"{source}: section [{section}]")
        if not isinstance(fields, dict):
            raise SettingsError(f"{source}: {section} must be a section, [{section}]")
        for name in fields:
            _check_known(name, _fields(section), f"{source}: {section}.{name}")
    for variable, value in sorted(environment.items()):
        place = _place_of(variable)
        if place is not None:
            section, name = place
            written.setdefault(section, {})[name] = _from_text(section, name, value)
    try:
        settings = msgspec.convert(written, Settings)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$.", "`")
        raise SettingsError(f"{source}: {said}; {_HOW}") from None
    settings.check()
    return settings


def sections() -> tuple[str, ...]:
    """Return the names of the sections, in order."""
    return Settings.__struct_fields__


def _fields(section: str) -> tuple[str, ...]:
    kind: type[msgspec.Struct] = get_type_hints(Settings)[section]
    return kind.__struct_fields__


def _check_known(name: str, known: tuple[str, ...], place: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise SettingsError(f"{place} is not known; {hint}")


def _place_of(variable: str) -> tuple[str, str] | None:
    """Return section and name of a variable; None for one that is about something else."""
    if not variable.startswith(PREFIX):
        return None
    section, _, name = variable.removeprefix(PREFIX).lower().partition("_")
    if section not in sections():
        return None
    _check_known(name, _fields(section), variable)
    return section, name


def _from_text(section: str, name: str, value: str) -> Any:  # noqa: ANN401 - of the setting's type
    """Read a variable as the type of its setting."""
    kinds = {type(one) for one in _choices(section, name)}
    if value == _NONE and type(None) in kinds:
        return None
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(value)
            except ValueError:
                raise SettingsError(
                    f"{PREFIX}{section.upper()}_{name.upper()} must be a number"
                ) from None
    return value


def _choices(section: str, name: str) -> list[Any]:
    """Return one value of each type that a setting may have."""
    kind = get_type_hints(get_type_hints(Settings)[section])[name]
    types = get_args(kind) or (kind,)
    return [one() if isinstance(one, type) and one is not type(None) else None for one in types]
