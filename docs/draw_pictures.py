"""Draw the pictures of the README from generated learners: `make pictures`.

Seeded, so that the same version draws the same picture. The README shows what a user gets, not a sketch of it.
"""

import tempfile
from pathlib import Path

import homeroom as hr
from homeroom.simulation.world import LearnerWorld
from homeroom.simulation.writers import Target, write_world

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Write images/retention.svg and images/lifecycle.svg."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "learners.parquet"
        world = LearnerWorld(seed=7, learners=20_000, events=600_000, days=84)
        write_world(world, Target.at(events), lambda _lines: None)
        data = hr.read(events, key=Path(folder) / "key")
        (IMAGES / "retention.svg").write_text(data.retention(interval="week").plot_svg())
        (IMAGES / "lifecycle.svg").write_text(data.lifecycle(interval="week").plot_svg())


if __name__ == "__main__":
    main()
