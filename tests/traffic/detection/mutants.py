"""Deliberate faults of the detector, one each, and the story in which each one shows.

A fault is a piece of source text and what stands in its place. The modules are compiled anew under another name, as
plain Python, with that change; messages, events and effects stay those of production.
"""

import re
import sys
import types
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from homeroom.traffic import detection
from tests.traffic.detection import past_stories, stories

ROOM = Path(detection.__file__).parent
# In the order in which they import each other.
LOGIC = ("suspicion", "judging", "reasons", "detector")
_numbers = count()


@dataclass(frozen=True)
class Mutant:
    """A fault: in which module which text becomes which, and the story that does not stand it."""

    name: str
    module: str
    old: str
    new: str
    story: object

    def detector(self):
        """Return a detector that has the fault."""
        return plain_detector(self)


def plain_detector(mutant=None):
    """Return the detector as plain Python, with a fault or without one."""
    package = f"detector_{next(_numbers)}"
    for module in LOGIC:
        source = (ROOM / f"{module}.py").read_text(encoding="utf-8")
        if mutant and module == mutant.module:
            found = source.count(mutant.old)
            assert found == 1, f"{mutant.name}: {mutant.old!r} stands {found} times in {module}"
            source = source.replace(mutant.old, mutant.new)
        source = source.replace("@borrowing\n", "")
        source = source.replace(
            "from homeroom.traffic.detection import judging, suspicion",
            f"from {package} import judging, suspicion",
        ).replace(
            "from homeroom.traffic.detection import suspicion", f"from {package} import suspicion"
        )
        source = re.sub(
            rf"from homeroom\.traffic\.detection\.({'|'.join(LOGIC)}) import",
            rf"from {package}.\1 import",
            source,
        )
        loaded = types.ModuleType(f"{package}.{module}")
        sys.modules[f"{package}.{module}"] = loaded
        parent = sys.modules.setdefault(package, types.ModuleType(package))
        setattr(parent, module, loaded)
        exec(compile(source, loaded.__name__, "exec"), loaded.__dict__)
    return loaded.Detector


FAULTS = (
    Mutant(
        "a minority confirms",
        "judging",
        "    hears_quorum = present >= regions // 2 + 1\n    return bool(hears_quorum and votes",
        "    hears_quorum = True\n    return bool(hears_quorum and votes",
        stories.half_of_a_world_confirms_nothing,
    ),
    Mutant(
        "a minority takes back what was confirmed",
        "judging",
        "    return bool(hears_quorum and calm >= (regions - 1) // 2 + 1)",
        "    return not hears_quorum or calm >= (regions - 1) // 2 + 1",
        stories.who_was_confirmed_stays_so_for_a_node_that_is_cut_off,
    ),
    Mutant(
        "one region is enough",
        "judging",
        "hears_quorum and votes >= quorum and enough)",
        "hears_quorum and votes)",
        stories.one_quorum_is_needed_and_not_one_opinion,
    ),
    Mutant(
        "regions that are not whole are as good as others",
        "judging",
        "hears_quorum and votes >= quorum and enough)",
        "hears_quorum and votes >= quorum)",
        stories.those_who_were_given_up_may_live_together_with_who_is_cut_off_now,
    ),
    Mutant(
        "more than a majority is asked for",
        "judging",
        "    quorum = (regions - 1) // 2 + 1\n",
        "    quorum = regions\n",
        stories.a_death_is_suspected_within_two_seconds_and_confirmed_within_eight,
    ),
    Mutant(
        "a pause of oneself is silence of others",
        "judging",
        "        step_ms = float(limits.AWAKE_STEP_MS_MAX)\n",
        "        pass\n",
        stories.who_was_paused_suspects_nobody,
    ),
    Mutant(
        "that one was not heard in a pause of oneself counts",
        "judging",
        "min(vantages.said[at, node, me, SILENT], clock[at, NOW] - clock[at, LATE_AT])",
        "vantages.said[at, node, me, SILENT]",
        stories.who_was_paused_suspects_nobody,
    ),
    Mutant(
        "what failed before a pause counts after it",
        "judging",
        "        links[link, FAILED_FROM] > vantages.clock[at, LATE_AT]\n",
        "        True\n",
        stories.what_failed_before_a_pause_is_forgotten,
    ),
    Mutant(
        "a question is no suspicion before it is given up",
        "judging",
        "    is_late = awake_ms - links[link, ASKED] >= limits.PROBE_LATE_MS\n",
        "    is_late = False\n",
        stories.who_answers_no_question_is_suspected_before_the_question_is_given_up,
    ),
    Mutant(
        "a question that was asked while a link was cut counts",
        "judging",
        "max(links[link, CUT_AT], links[link, ANSWERED])\n    links[link, ASKED]",
        "links[link, ANSWERED]\n    links[link, ASKED]",
        past_stories.who_is_heard_again_is_well_again_whatever_was_asked_in_the_cut,
    ),
    Mutant(
        "heartbeats that are lost are more than answers that come",
        "judging",
        "min(cut_ms, awake_ms - links[link, ANSWERED])",
        "cut_ms",
        stories.who_answers_questions_is_there_though_heartbeats_are_lost,
    ),
    Mutant(
        "who is heard late is heard now",
        "judging",
        "        links[link, HEARD] = max(heard_ms, clock[at, AWAKE] - late_ms)\n",
        "        pass\n",
        stories.a_heartbeat_that_was_long_on_its_way_is_no_sign_of_life_of_now,
    ),
    Mutant(
        "who answered is there when the answer comes",
        "judging",
        "(0.0 if slept else took_ms / 2)",
        "0.0",
        stories.an_answer_that_was_long_on_its_way_keeps_nobody_alive,
    ),
    Mutant(
        "a question counts though a later one was answered",
        "judging",
        "max(links[link, CUT_AT], links[link, ANSWERED])\n    links[link, ASKED]",
        "links[link, CUT_AT]\n    links[link, ASKED]",
        past_stories.a_question_that_is_lost_is_nothing_if_a_later_one_is_answered,
    ),
    Mutant(
        "nothing is asked while a question is open",
        "detector",
        "len(asked_ms) < limits.PROBES_OPEN_MAX",
        "not asked_ms",
        past_stories.who_is_cut_off_for_moments_is_not_gone_because_questions_met_them,
    ),
    Mutant(
        "one failure is a vote",
        "judging",
        "failed >= limits.PROBES_FAILED_CONFIRM",
        "failed >= 1",
        past_stories.one_error_after_a_standstill_is_no_vote,
    ),
    Mutant(
        "questions count that may have met a cut that is over",
        "judging",
        "        links[link, GAP_AT] = clock[at, AWAKE]\n",
        "        pass\n",
        past_stories.what_was_asked_in_cuts_is_no_vote_when_they_are_over,
    ),
    Mutant(
        "refusals count however old",
        "judging",
        "links[REFUSED] == 0 and whole_ms",
        "whole_ms",
        past_stories.what_was_refused_some_time_ago_is_no_vote,
    ),
    Mutant(
        "a vote counts though its node is not heard",
        "judging",
        "        if is_heard and is_new and lost_ms",
        "        if is_new and lost_ms",
        past_stories.who_was_not_heard_for_a_while_does_not_vote,
    ),
    Mutant(
        "a region is counted by its nodes",
        "judging",
        "            counts[region, _VOTES] = 1\n",
        "            counts[region, _VOTES] += 1\n",
        stories.a_region_counts_once_however_many_nodes_it_runs,
    ),
    Mutant(
        "one node speaks for its region",
        "judging",
        "        else:\n            counts[region, _OBJECTS] = 1\n",
        "",
        stories.a_region_that_reaches_a_node_by_one_of_its_own_does_not_vote,
    ),
    Mutant(
        "who is gone keeps its region from voting",
        "judging",
        "            counts[region, _LACKS] = 1\n",
        "            counts[region, _OBJECTS] = 1\n",
        stories.a_region_with_a_dead_node_still_votes,
    ),
    Mutant(
        "a node speaks for its own region",
        "judging",
        "        if other == node or region == regions[node]:\n",
        "        if other == node:\n",
        stories.nobody_speaks_for_his_own_region,
    ),
    Mutant(
        "one's own opinion is given to all others",
        "judging",
        "lost_ms = own[at, node, LOST] if other == me else said[at, other, node, LOST]",
        "lost_ms = own[at, node, LOST]",
        stories.one_quorum_is_needed_and_not_one_opinion,
    ),
    Mutant(
        "opinions never grow old",
        "judging",
        "is_heard = other == me or now_ms - said_at[at, other] <= limits.OPINION_MS_MAX",
        "is_heard = True",
        stories.half_of_a_world_confirms_nothing,
    ),
    Mutant(
        "what is held up on the way is new when it comes",
        "suspicion",
        "    return float(now_ms - (difference - min(links[node, LEAST_NOW], links[node, LEAST_BEFORE])))",
        "    return now_ms",
        past_stories.a_region_that_is_heard_late_is_not_heard,
    ),
    Mutant(
        "what is said back is not heard",
        "judging",
        "    if at_ms < echo_ms <= clock[at, NOW]:\n",
        "    if False:\n",
        past_stories.a_clock_that_stood_still_makes_nothing_old_that_is_new,
    ),
    Mutant(
        "a vote counts whatever its node has heard",
        "judging",
        "now_ms - echoed[at, other] <= limits.ECHO_MS_MAX",
        "now_ms - said_at[at, other] <= limits.OPINION_MS_MAX",
        past_stories.what_is_said_first_after_a_pause_is_no_vote,
    ),
    Mutant(
        "that the own clock stood still is not noticed",
        "judging",
        "        _stood_still(vantages, at)\n",
        "        pass\n",
        past_stories.machines_that_stood_still_together_take_no_old_votes_of_each_other,
    ),
    Mutant(
        "that one is not heard is not noticed",
        "judging",
        "    return deaf_ms if deaf_ms >= limits.DEAF_MS else 0.0",
        "    return 0.0",
        stories.a_link_that_is_cut_one_way_is_seen_from_both_ends_and_ends,
    ),
    Mutant(
        "opinions of others are told on",
        "judging",
        "    vantages.own[at, node, SILENT] = int(min(silent_ms, 1e9))",
        "    vantages.own[at, node, SILENT] = int(min(cut_ms, 1e9))",
        stories.a_link_that_is_cut_one_way_is_seen_from_both_ends_and_ends,
    ),
    Mutant(
        "errors are no failure",
        "judging",
        "        links[link, FAILED] += 1\n",
        "        pass\n",
        stories.only_errors_are_suspected_soon_and_confirmed_later,
    ),
    Mutant(
        "who is too busy is evacuated",
        "judging",
        "is_busy = links[link, REFUSED] == 0 and links[link, LOAD] >= 1",
        "is_busy = False",
        stories.who_is_too_busy_and_says_so_is_not_evacuated,
    ),
    Mutant(
        "who hangs is taken for busy",
        "judging",
        "is_busy = links[link, REFUSED] == 0 and links[link, LOAD] >= 1",
        "is_busy = links[link, REFUSED] == 0",
        stories.who_hangs_and_says_nothing_of_it_is_gone,
    ),
    Mutant(
        "slow answers are not counted",
        "judging",
        "links[link, SLOW] + 1 if stood_out(links, link, took_ms) else 0.0",
        "0.0",
        stories.a_slow_node_is_suspected_and_never_gone,
    ),
    Mutant(
        "what a node says of itself is not heard",
        "judging",
        "        + _C_UNREADY * (links[link, UNREADY] > 0)\n",
        "",
        stories.a_node_that_does_not_serve_is_suspected_at_once_and_not_evacuated,
    ),
    Mutant(
        "who is being emptied is taken for failing",
        "judging",
        "    if links[link, DRAINING] > 0 or links[link, UNREADY] > 0:\n",
        "    if links[link, UNREADY] > 0:\n",
        stories.who_is_being_emptied_is_fine,
    ),
    Mutant(
        "nobody is ever fine again",
        "judging",
        "    elif awake_ms - links[link, BAD_AT] < limits.RECOVER_MS:",
        "    elif links[link, BAD_AT] > 0:",
        stories.who_returns_in_a_new_life_is_fine_again,
    ),
    Mutant(
        "links are not learned",
        "suspicion",
        "        _learn_gap(links, node, gap_ms)\n",
        "        pass\n",
        stories.a_link_that_loses_a_third_is_learned,
    ),
    Mutant(
        "a heartbeat counts however late",
        "suspicion",
        "    if links[node, EVER] > 0 and sequence <= links[node, SEQUENCE]:\n",
        "    if False:\n",
        stories.a_heartbeat_that_comes_twice_is_no_sign_of_life,
    ),
    Mutant(
        "a new life is expected to count on",
        "suspicion",
        "    links[node, SEQUENCE] = -1.0\n",
        "",
        stories.who_returns_in_a_new_life_is_fine_again,
    ),
    Mutant(
        "a life that is over is taken for a new one",
        "detector",
        "heartbeat.sequence <= former[life] or silent_ms < limits.SUSPECT_SILENT_MS_MAX",
        "False",
        stories.what_comes_late_of_a_life_that_is_over_counts_for_nothing,
    ),
    Mutant(
        "a life that was taken for over is over for ever",
        "detector",
        "heartbeat.sequence <= former[life] or silent_ms < limits.SUSPECT_SILENT_MS_MAX",
        "True",
        stories.who_hears_an_old_life_after_the_new_one_finds_back,
    ),
    Mutant(
        "a removed node is heard",
        "detector",
        "        if number is None or sender == self._node:\n",
        "        number = 0 if number is None else number\n        if sender == self._node:\n",
        stories.who_was_removed_is_not_heard,
    ),
    Mutant(
        "who comes again was never away",
        "detector",
        "                del known[name]\n",
        "                pass\n",
        stories.who_was_removed_and_returns_begins_anew,
    ),
    Mutant(
        "what is known is lost when somebody joins",
        "detector",
        "        if before:\n",
        "        if False:\n",
        stories.what_is_known_stays_when_somebody_joins,
    ),
)
