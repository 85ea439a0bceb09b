"""``homeroom cache``: what another size of a node's cache would give."""

from pathlib import Path

import click

from homeroom.errors import InputError

__all__ = ["command"]

_MEGABYTE = 1_000_000


@click.group()
def command() -> None:
    """Look after what nodes keep of their answers."""


@command.command()
@click.argument("log", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--megabytes",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True),
    help="A size to tell about, in megabytes; may be given more than once.",
)
def advise(log: str, megabytes: tuple[float, ...]) -> None:
    """Tell from a sampled log of keys LOG what caches of other sizes would answer.

    The table gives by size the share of requests that the cache would have answered, by LRU and by the policy that
    homeroom has, and how far its figure may be off (two standard errors, guessed from four parts of
    the sample).
    """
    from homeroom.traffic.caching.advisor import advise as advised
    from homeroom.traffic.caching.advisor import read_key_log, sizes_around

    try:
        with Path(log).open(encoding="ascii") as lines:
            read = read_key_log((line.rstrip("\n") for line in lines), log)
    except UnicodeDecodeError as error:
        message = f"{log}: not a log of keys, which is plain text"
        raise InputError(message) from error
    sizes = [int(size * _MEGABYTE) for size in megabytes] or sizes_around(read)
    keys = len({key for key, _ in read.requests})
    click.echo(f"{len(read.requests):,} requests of {keys:,} keys, {read.rate:.2%} of all keys")
    click.echo(f"{'megabytes':>12} {'LRU':>8} {'homeroom':>9} {'within':>8}")
    for one in advised(read, sizes):
        size = f"{one.size_bytes / _MEGABYTE:>12,.3f}"
        if one.lru is None or one.shipped is None or one.within is None:
            click.echo(f"{size} too small for this sample to tell")
        else:
            click.echo(f"{size} {one.lru:>8.1%} {one.shipped:>9.1%} {one.within:>8.1%}")
