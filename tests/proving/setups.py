"""Small worlds whose year has a closed form."""


def hazard(**fields):
    """Return a hazard of regions, 10 a year, 1,000 s each, all of it; fields replace these."""
    return {
        "name": "region",
        "what": "It fails.",
        "reach": "region",
        "per_year": 10,
        "factor": 1,
        "hit": 1,
        "repair": always(1_000),
        "source": "an assumption",
        **fields,
    }


def always(seconds):
    """Return a spell that takes as long each time."""
    return {"median_s": seconds, "p95_s": seconds}


def place(**fields):
    """Return a place with a user and one node."""
    return {"users": 1, "longitude": 0, "nodes": 1, "room": 1, **fields}


def tables(*hazards, day=(1,) * 24, **places):
    """Return a setup as it is read from a file: one place, one hazard and one change where nothing is given."""
    return {
        "day": list(day),
        "places": places or {"one": place()},
        "hazards": list(hazards) or [hazard()],
        "changes": [
            {
                "name": "better",
                "what": "It fails less.",
                "costs": 1,
                "room": 2,
                "edits": [{"hazard": "region", "reach": "world", "per_year": 1}],
            }
        ],
    }
