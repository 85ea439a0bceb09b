"""Documents of runs that never were, made by what makes real ones."""

from homeroom.proving.criteria import Comparison, Criterion, Measured, judge
from homeroom.proving.results import Results, Series, Span, Timeline

BEGAN_MS = 1_795_000_000_000


def finding(measure, comparison, bound, figure, **more):
    criterion = Criterion(
        measure=measure, comparison=Comparison(comparison), bound=bound, of=more.get("of", "")
    )
    measured = Measured(
        figure=figure, interval=more.get("interval"), evidence=more.get("evidence", "load.json")
    )
    return judge(criterion, measured)


def document(test="load", findings=None, **fields):
    plain = {
        "name": "three",
        "plan": {"learners": 5_000_000},
        "machine": {"processors": 2, "memory_gib": 24},
        "target": "embedded",
        "began_ms": BEGAN_MS,
        "ended_ms": BEGAN_MS + 90_000,
        "is_partial": False,
        "findings": findings or [finding("errors", "below", 0.001, 0.0, interval=(0.0, 0.0002))],
        **fields,
    }
    return Results(test=test, **plain).to_json()


def drawn(places):
    """Return a map with users beside every region."""
    return {
        "regions": [
            {"name": name, "latitude": lat, "longitude": lon, "down": False}
            for name, (lat, lon, _, _) in places.items()
        ],
        "users": [
            {
                "place": f"{name} users",
                "region": name,
                "latitude": lat + 3,
                "longitude": lon + 3,
                "bound_ms": bound,
                "nearest": name,
                "phases": {"all well": {"p99_ms": p99, "answered_by": name}},
            }
            for name, (lat, lon, p99, bound) in places.items()
        ],
        "groups": [
            {
                "of": name,
                "latitude": lat + 3,
                "longitude": lon + 3,
                "bound_ms": bound,
                "p99_ms": p99,
            }
            for name, (lat, lon, p99, bound) in places.items()
        ],
    }


def all_tests():
    """Return one document a test, of which geography fails."""
    sizes = [1_000_000, 2_500_000, 5_000_000]
    load = document(
        findings=[
            finding("errors", "below", 0.001, 0.0, interval=(0.0, 0.0002)),
            finding("p99_ms", "below", 100, 41.26, interval=(39.0, 44.5)),
            finding("learners_per_minute", "at_least", 15_600_000, 1_733_000_000),
            finding("memory_growth", "at_most", 1.1, 0.98, interval=(0.9, 1.13)),
        ],
        series=[
            Series(name="P50", unit="ms", x_unit="learners", x=sizes, y=[3.0, 7.1, 14.2]),
            Series(name="P99", unit="ms", x_unit="learners", x=sizes, y=[9.0, 21.1, 41.3]),
            Series(name="memory", unit="MB", x_unit="learners", x=sizes, y=[500, 1_210, 2_380]),
            Series(
                name="P99 under load",
                unit="ms",
                x_unit="questions a second",
                x=[1, 2, 4, 8, 16, 32],
                y=[9, 9.2, 9.9, 14, None, 180],
            ),
        ],
        notes=["Answers were late where they took more than a second."],
    )
    places = {
        "us-east": (38.9, -77.4, 22.0, 50),
        "us-central": (41.3, -95.9, 24.0, 50),
        "eu-west": (53.3, -6.3, 31.0, 80),
        "eu-central": (50.1, 8.7, 30.0, 80),
        "singapore": (1.4, 103.8, 51.0, 100),
        "sao-paulo": (-23.5, -46.6, 92.0, 150),
        "lagos": (6.5, 3.4, 231.0, 200),
    }
    geography = document(
        "geography",
        name="world",
        findings=[
            finding("p99_ms", "below", bound, p99_ms, of=name)
            for name, (_, _, p99_ms, bound) in places.items()
        ],
        figures={
            "map": drawn(places),
        },
    )
    resilience = document(
        "resilience",
        name="faults",
        findings=[finding("failover_s", "below", 10, 3.74)],
        timelines=[
            Timeline(
                fault="sao-paulo is killed under traffic",
                events=[
                    Span(what="killed", begin_s=12.0),
                    Span(what="suspected", begin_s=13.4),
                    Span(what="served elsewhere", begin_s=13.9, end_s=61.0),
                    Span(what="confirmed", begin_s=17.5),
                    Span(what="returns in steps", begin_s=61.0, end_s=92.5),
                ],
            )
        ],
    )
    return [load, geography, resilience]
