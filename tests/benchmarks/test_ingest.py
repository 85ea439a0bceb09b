"""The benchmark of ingest runs: what was acknowledged is there, each kind of load is sent twice, the hash stays."""

import pytest

from benchmarks import ingest
from benchmarks.ingest_load import Load, requests_of
from tests.benchmarks.tiny import result_of


@pytest.mark.slow
def test_each_kind_of_load_is_taken_and_all_of_it_is_there(capsys):
    result = result_of("ingest")
    assert list(result["kinds"]) == ["batches", "singles", "statements"]
    for kind in result["kinds"].values():
        assert kind["delay"]["runs"] >= 1
        assert kind["wanted_p99_ms"] >= 10
        assert kind["node_us"] >= 0
    # Warm-up, closed loop and open loop of each kind.
    warm, closed, opened = 40 * 102, 3000 + 200 + 100, 3750 + 200 + 75
    assert result["events"] == warm + closed + opened
    ingest.show(result)
    assert f"{result['events']:,} events acknowledged" in capsys.readouterr().out


def test_no_request_is_like_another_and_the_same_numbers_make_the_same():
    load = Load(
        address="http://127.0.0.1:1",
        key="k",
        kind="events",
        first=7,
        count=250,
        batch=100,
        learners=50,
        connections=1,
    )
    requests = requests_of(load)
    assert requests == requests_of(load)
    assert [one.partition(b"\r\n\r\n")[2].count(b"account") for one in requests] == [100, 100, 50]
    assert len(set(requests)) == 3
