"""Funnels of thousands of learners are those of DuckDB's SQL, and of ClickHouse's own windowFunnel.

The twin tries every chain and is too slow for more than a few events a learner. Here learners have dozens, in several
segments, over blocks of their own; the second opinions know nothing of this project.
"""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from homeroom import limits
from tests.cohorts.engine import needs_reading, read
from tests.oracle import Event, table

pytestmark = needs_reading
SEED = 20_240_401
LEARNERS, EVENTS = 1_200, 24_000
VERBS = ("registered", "played", "answered", "posted", "left")
STEPS = ["verb=registered", "verb=played", "verb=answered", "verb=posted"]
WITHIN_H = 40


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Return events of many learners over twenty days, at different seconds for each learner."""
    rng = np.random.default_rng(SEED)
    who = (LEARNERS * rng.random(EVENTS) ** 2).astype(int)
    seconds = rng.permutation(20 * 86_400)[:EVENTS]
    verbs = rng.choice(len(VERBS), EVENTS, p=(0.3, 0.25, 0.2, 0.1, 0.15))
    return [
        Event(account=f"learner {w}", time_ms=1_710_000_000_000 + 1_000 * int(s), verb=VERBS[v], track="other")
        for w, s, v in zip(who.tolist(), seconds, verbs.tolist(), strict=True)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def data(events):
    """Return the events, read in three segments that overlap in time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FOLD_EVENTS", 1)
        patch.setattr(limits, "SEGMENT_EVENTS_MAX", 1)
        return read([table(events[i::3]) for i in range(3)])


@pytest.fixture(scope="module")
def written(events, tmp_path_factory) -> Path:
    """Return the events as a Parquet file."""
    return file_of(events, tmp_path_factory.mktemp("sql"))


def file_of(events: list[Event], folder: Path) -> Path:
    pq.write_table(table(events), folder / "events.parquet")
    return folder / "events.parquet"


def sql_counts(written: Path, within_ms: int) -> list[int]:
    """Count an ordered funnel: for each step the latest start that has come to it, by windows over windows."""
    verbs = [step.removeprefix("verb=") for step in STEPS]
    sql = f"select account, epoch_ms(time) as ms, verb from '{written}'"
    sql = f"select *, case when verb = '{verbs[0]}' then ms end as s1 from ({sql})"
    before = "partition by account order by ms rows between unbounded preceding and 1 preceding"
    for k, verb in enumerate(verbs[1:], 2):
        sql = f"select *, max(s{k - 1}) over ({before}) as m{k} from ({sql})"
        taken = f"verb = '{verb}' and ms - m{k} <= {within_ms}"
        sql = f"select *, case when {taken} then m{k} end as s{k} from ({sql})"
    counted = ", ".join(
        f"count(distinct account) filter (s{k} is not null)" for k in range(1, len(verbs) + 1)
    )
    with duckdb.connect() as con:
        [row] = con.execute(f"select {counted} from ({sql})").fetchall()
    return list(row)


@pytest.mark.parametrize("hours", [1, WITHIN_H, 2_000])
def test_an_ordered_funnel_is_what_sql_counts(data, written, hours):
    found = data.funnel(steps=STEPS, within=f"{hours}h").counts.tolist()
    assert found == sql_counts(written, hours * 3_600_000)
    assert found[0] > found[-1] > 0 or hours == 1


def test_the_first_attempts_are_what_sql_counts(data, written):
    """From the first start on, the earliest next step, one join a step."""
    con = duckdb.connect()
    con.execute(f"create table own as select account, epoch_ms(time) as ms, verb from '{written}'")
    con.execute(
        """create table c1 as select account, min(ms) as t0, min(ms) as t from own where verb = 'registered'
        group by account"""
    )
    counts = [con.execute("select count(*) from c1").fetchone()[0]]
    for k, step in enumerate(STEPS[1:], 2):
        con.execute(
            f"""create table c{k} as select c.account, c.t0, min(m.ms) as t from c{k - 1} c join own m
            on m.account = c.account and m.verb = '{step.removeprefix("verb=")}' and m.ms > c.t
            and m.ms - c.t0 <= {WITHIN_H * 3_600_000} group by c.account, c.t0"""
        )
        counts.append(con.execute(f"select count(*) from c{k}").fetchone()[0])
    answer = data.funnel(steps=STEPS, within=f"{WITHIN_H}h", count="first")
    assert answer.counts.tolist() == counts
    for k in range(2, len(STEPS) + 1):
        median_ms = con.execute(f"select median(t - t0) from c{k}").fetchone()[0]
        assert answer.from_first.median_s[k - 1] == pytest.approx(median_ms / 1_000, abs=1e-9)


# --- ClickHouse --------------------------------------------------------------------------------------------------


def clickhouse_counts(written: Path, mode: str, conditions: list[str]) -> list[int]:
    """Count the levels of windowFunnel, in a mode such as ``'strict_once'``, over whole seconds."""
    chdb = pytest.importorskip("chdb", reason="needs the peers of the benchmarks: make test-all")
    modes = f", '{mode}'" if mode else ""
    levels = f"""select windowFunnel({WITHIN_H * 3_600}{modes})
        (toUInt64(toUnixTimestamp64Milli(time) / 1000), {", ".join(conditions)}) as level
        from file('{written}', Parquet) group by account"""
    counted = ", ".join(f"countIf(level >= {k})" for k in range(1, len(conditions) + 1))
    said = str(chdb.query(f"select {counted} from ({levels})", "CSV"))
    return [int(number) for number in said.strip().split(",")]


VERB_IS = [f"verb = '{step.removeprefix('verb=')}'" for step in STEPS]


def test_an_ordered_funnel_is_windowfunnel(data, written):
    found = data.funnel(steps=STEPS, within=f"{WITHIN_H}h").counts.tolist()
    assert found == clickhouse_counts(written, "", VERB_IS)


def test_an_event_takes_one_step_as_with_strict_once(data, written):
    conditions = [
        "verb in ('registered', 'played')",
        "verb in ('played', 'answered')",
        "verb = 'played'",
        "verb != 'left'",
    ]
    steps = ["verb=registered,played", "verb=played,answered", "verb=played", "verb!=left"]
    found = data.funnel(steps=steps, within=f"{WITHIN_H}h").counts.tolist()
    assert found == clickhouse_counts(written, "strict_once", conditions)
    assert found != clickhouse_counts(written, "", conditions), "the events show no difference"


def test_events_of_one_instant_as_with_and_without_strict_increase(events, tmp_path):
    """All times of a learner fall on few instants; the steps are different events, so their order is clear.

    ClickHouse keeps only the newest start, even one of the very instant of the next step; with strict_once it keeps
    all of them.
    """
    tied = [
        Event(account=e.account, time_ms=e.time_ms // 40_000_000 * 40_000_000, verb=e.verb, track="other", id=str(i))
        for i, e in enumerate(events)
    ]  # fmt: skip
    data = read(tied)
    for increasing, mode in ((False, ""), (True, "strict_increase', 'strict_once")):
        answer = data.funnel(steps=STEPS, within=f"{WITHIN_H}h", increasing=increasing)
        assert answer.counts.tolist() == clickhouse_counts(file_of(tied, tmp_path), mode, VERB_IS)


def test_strict_order_differs_from_clickhouse_only_by_earlier_steps(events, tmp_path):
    """Where no step stands before the one that comes next, no other lies between; then both count the same."""
    rng = np.random.default_rng(SEED)
    lines: dict[str, list[Event]] = {}
    for event in events:
        if event.verb != "left":
            lines.setdefault(event.account, []).append(event)
    calm = []
    for own in lines.values():
        own.sort(key=lambda event: event.time_ms)
        # A learner goes up the steps, repeats one, or begins anew: what ClickHouse and we call strict are then one.
        rank = -1
        for event in own:
            rank = int(rng.choice((rank, rank + 1, rank + 2)))
            verb = VERBS[min(max(rank, 0), 3)]
            calm.append(
                Event(account=event.account, time_ms=event.time_ms, verb=verb, track="other")
            )
    data = read(calm)
    found = data.funnel(steps=STEPS, within=f"{WITHIN_H}h", order="strict").counts.tolist()
    assert found == clickhouse_counts(file_of(calm, tmp_path), "strict_order", VERB_IS)
    assert found[1] > found[2] > 0
