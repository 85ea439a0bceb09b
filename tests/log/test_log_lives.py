"""Whatever clients, disks and machines do, in whatever order: what was acknowledged is there once, in one chain.

One state machine drives the log's core over each store, through offers, repeats, other bodies under old ids, failures,
crashes and new lives. The simulated disk is the quick one; SQLite and PostgreSQL run fewer of the same stories.
"""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.log_postgres import PostgresStore
from homeroom.errors import StoreError
from homeroom.simulation.disk import Disk, PowerLost
from homeroom.simulation.disk_store import DiskStore
from tests.databases import emptied
from tests.log.lives import Lives

BATCHES = st.sampled_from([f"b{number}" for number in range(6)])
BODIES = st.sampled_from(["x", "y", "long", "nothing"])
SEEDS = st.integers(0, 1 << 30)


class Story(RuleBasedStateMachine):
    """What may happen to a node; a subclass says how it happens to its store."""

    def __init__(self):
        super().__init__()
        self.lives = Lives()
        self.prepare()
        self.lives.begin(self.opened())

    def prepare(self):
        """Make the place where the store is."""

    def opened(self):
        """Open the store, as the next start would."""

    def fail_next_write(self):
        """See to it that the next write fails, as the disk or the server would have it."""

    def lose_power(self, seed):
        """Lose what a crash may lose; return after the machine is on again."""

    def lose_power_in_write(self, seed):
        """Lose it somewhere in the write that is under way."""

    @rule(batch_id=BATCHES, body=BODIES)
    def offer(self, batch_id, body):
        self.lives.offer(batch_id, body)

    @precondition(lambda self: self.lives.write is not None)
    @rule()
    def finish(self):
        self.lives.finish()

    @precondition(lambda self: self.lives.write is not None)
    @rule()
    def fail(self):
        self.fail_next_write()
        self.lives.finish()
        assert self.lives.log.failure is not None
        assert self.lives.write is None

    @precondition(lambda self: self.lives.log.failure is not None)
    @rule()
    def go_on(self):
        self.lives.begin(self.opened())
        self.lives.check()

    @rule(seed=SEEDS)
    def crash(self, seed):
        self.lose_power(seed)
        self.lives.begin(self.opened())
        self.lives.check()

    @precondition(lambda self: self.lives.write is not None)
    @rule(seed=SEEDS)
    def crash_in_write(self, seed):
        self.lose_power_in_write(seed)
        self.lives.begin(self.opened())
        self.lives.check()

    def teardown(self):
        while self.lives.write is not None:
            self.lives.finish()
        self.lives.check()
        self.lives.store.close()


class OnSimulatedDisk(Story):
    def prepare(self):
        self.disk = Disk(np.random.default_rng(0))

    def opened(self):
        return DiskStore(self.disk)

    def fail_next_write(self):
        self.disk.syncs_to_fail = 1

    def lose_power(self, seed):
        self.disk = self.disk.after_power_loss(np.random.default_rng(seed))

    def lose_power_in_write(self, seed):
        chance = np.random.default_rng(seed)
        steps = iter(range(int(chance.integers(12))))

        def watch(step):
            if next(steps, None) is None:
                raise PowerLost(step)

        self.disk.watch = watch
        with suppress(PowerLost):
            self.lives.finish()
        self.disk = self.disk.after_power_loss(chance)

    @rule()
    def end_process(self):
        self.lives.begin(self.opened())
        self.lives.check()


class OnFolder(Story):
    """Files of SQLite; a crash is an image of them as they were, its journal cut anywhere beyond what was durable."""

    def prepare(self):
        self.root = Path(tempfile.mkdtemp(prefix="log-"))
        self.path = self.root / "0"
        self.images = 0

    def opened(self):
        store = getattr(self, "failed", None)
        if store is not None:
            self.failed = None
            store.go_on()
            return store
        return SqliteLogFolder(self.path)

    def fail_next_write(self):
        writer = self.lives.store._files[-1]._writer
        writer.execute("PRAGMA query_only = ON")
        self.failed = self.lives.store

    def newest(self, folder):
        return max(folder.glob("*.db-wal"))

    def image(self):
        self.images += 1
        image = self.root / str(self.images)
        image.mkdir()
        for path in self.path.iterdir():
            if path.suffix != ".db-shm":
                shutil.copy(path, image)
        return image

    def use(self, image):
        self.failed = None
        self.lives.store.close()
        shutil.rmtree(self.path)
        self.path = image

    def lose_power(self, seed):
        self.use(self.image())

    def lose_power_in_write(self, seed):
        before = self.image()
        told = dict(self.lives.told)
        self.lives.finish()
        after = self.image()
        # The journal on the disk is that of before, with some of the bytes of after in it.
        journal = self.newest(before)
        old, new = journal.read_bytes(), self.newest(after).read_bytes()
        chance = np.random.default_rng(seed)
        cut = int(chance.integers(len(new) + 1))
        journal.write_bytes(new[:cut] + old[cut:])
        if cut < len(new):
            self.lives.told = told
        self.use(before)

    def teardown(self):
        super().teardown()
        shutil.rmtree(self.root)


class OnPostgres(Story):
    server = None

    def prepare(self):
        self.url = emptied(self.server)
        self.is_off = False

    def opened(self):
        store = getattr(self.lives, "store", None)
        if store is not None and store.failure is not None and not self.is_off:
            store.go_on()
            return store
        if store is not None:
            store.close()
        self.is_off = False
        return PostgresStore(self.url, "here", f"{self.lives.incarnation + 1:032x}")

    def fail_next_write(self):
        self.end_connections()

    def lose_power(self, seed):
        self.is_off = True
        self.end_connections()

    def end_connections(self):
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(others)

    def lose_power_in_write(self, seed):
        # The transaction is there and nobody commits it.
        store = self.lives.store
        with suppress(StoreError), store._writing() as cursor:
            cursor.execute("DELETE FROM heads")
            self.lose_power(seed)
            cursor.execute("SELECT 1")


def tell(story, examples, steps):
    run_state_machine_as_test(
        story, settings=settings(max_examples=examples, stateful_step_count=steps)
    )


def test_no_story_on_the_simulated_disk_loses_or_doubles_anything():
    tell(OnSimulatedDisk, 25, 30)


@pytest.mark.slow
def test_no_long_story_on_the_simulated_disk_loses_or_doubles_anything():
    tell(OnSimulatedDisk, 1_000, 60)


def test_no_story_on_files_loses_or_doubles_anything():
    tell(OnFolder, 2, 12)


@pytest.mark.slow
def test_no_long_story_on_files_loses_or_doubles_anything():
    tell(OnFolder, 150, 30)


@pytest.mark.slow
def test_no_story_on_a_server_loses_or_doubles_anything(postgres):
    OnPostgres.server = postgres
    tell(OnPostgres, 60, 25)
