"""``homeroom warm``: compile the kernels and keep them on disk, so that the first question does not wait."""

import time

import click

__all__ = ["command"]


@click.command()
def command() -> int:
    """Compile all kernels now, and keep them for later runs of this version on this machine."""
    from homeroom.warm import warm_kernels

    started = time.perf_counter()
    warm_kernels(lambda line: click.echo(f"homeroom: {line}", err=True))
    click.echo(f"kernels ready in {time.perf_counter() - started:.1f} s")
    return 0
