"""What was watched of a video: the walk over a learner's plays, pauses and seeks, and the seconds that it covers.

A learner's events are dealt to its videos first, in order of time, as linked lists; then each video is walked alone.
A segment of played video runs from where it opens (a play, a seek while playing) to the event that closes it. Whole
seconds are counted, a second by its middle, so that a segment that goes on where the last one ended counts no second
twice; into arrays of differences, so that an hour costs no more than a minute.
"""

import numpy as np

from homeroom.kernel import inlined, kernel

__all__ = ["furthest", "walk_videos"]

_PAUSED, _COMPLETED, _TERMINATED, _SEEKED, _PLAYED = 1, 2, 3, 4, 5
_COMPLETION_DONE = 2
_SPEED_MAX = 4
_SLACK_MS = 5_000
_VIEWERS, _PLAYS, _MEASURED, _SEGMENTS, _UNCLOSED, _COMPLETERS, _COVERED = 0, 1, 2, 3, 4, 5, 6
_SHARES = 10
_FEW = 32


@kernel
def furthest(acts, activity, first, second, most_ms):
    """Raise ``most_ms[activity]``, int32, to the greatest position of the events of videos."""
    for i in range(len(acts)):
        if _PAUSED <= acts[i] <= _PLAYED and activity[i] >= 0:
            most_ms[activity[i]] = max(most_ms[activity[i]], first[i], second[i])


@kernel
def walk_videos(events, days, videos, length_ms, starts, counts, shares, seconds):
    """Walk all videos of all learners of a block.

    Parameters
    ----------
    events : (rows, time_ms, local days, acts, flags, activity, first, second)
    days : first and end day that count
    videos : int32 by activity, the number of the video, -1 for others
    length_ms : int32 by video
    starts : int64 (videos + 1,), where each video's seconds begin in ``seconds``; one more than it has
    counts : int64 (videos, 7): viewers, plays, learners with a segment, segments, unclosed ones, who completed it,
        seconds covered by all learners together
    shares : int64 (videos, 10), learners with a segment by tenth of the video that they have covered
    seconds : int32 (2, all seconds), differences of viewers and of views
    """
    rows, time_ms, local_days, acts, flags, activity, first, second = events
    room = len(rows)
    stamps = np.full(len(videos), -1, np.int64)
    head, tail = np.empty(len(length_ms), np.int64), np.empty(len(length_ms), np.int64)
    after, touched = np.empty(room, np.int64), np.empty(len(length_ms), np.int64)
    places, segments = np.empty(room, np.int64), np.empty(room, np.int64)
    line = (time_ms, acts, flags, first, second)
    i = 0
    while i < room:
        row, used = rows[i], 0
        while i < room and rows[i] == row:
            video = videos[activity[i]] if activity[i] >= 0 else -1
            if video >= 0 and _tells(acts[i], flags[i]) and days[0] <= local_days[i] < days[1]:
                if stamps[video] != row:
                    stamps[video] = row
                    head[video] = i
                    touched[used] = video
                    used += 1
                else:
                    after[tail[video]] = i
                tail[video] = i
                after[i] = -1
            i += 1
        for k in range(used):
            video = touched[k]
            count = _listed(head[video], after, line, places)
            size = _walk(places, count, line, length_ms[video], video, counts, segments)
            if size:
                _sort(segments, size)
                span = (starts[video], starts[video + 1] - 1)
                _cover(segments, size, seconds, span, video, counts, shares)


@inlined
def _tells(act, flags):
    return _PAUSED <= act <= _PLAYED or flags >> 2 == _COMPLETION_DONE


@inlined
def _listed(start, after, line, places):
    """Write the places of one list of events; those of one instant in order of act, then position. Return how many."""
    time_ms = line[0]
    count, begun, i = 0, 0, start
    while i >= 0:
        if count and time_ms[i] != time_ms[places[count - 1]]:
            if count - begun > 1:
                _settle(places, begun, count, line)
            begun = count
        places[count] = i
        count += 1
        i = after[i]
    if count - begun > 1:
        _settle(places, begun, count, line)
    return count


@kernel
def _settle(places, begun, end, line):
    """Bring events of one instant into order."""
    _, acts, _, first, second = line
    if end - begun > _FEW:
        keys = np.empty(end - begun, np.int64)
        for k in range(end - begun):
            i = places[begun + k]
            keys[k] = (np.int64(acts[i]) << 56) + (np.int64(first[i] + 1) << 28) + second[i] + 1
        places[begun:end] = places[begun:end][np.argsort(keys)]
        return
    for k in range(begun + 1, end):
        place, at = places[k], k
        while at > begun and _is_before(place, places[at - 1], acts, first, second):
            places[at] = places[at - 1]
            at -= 1
        places[at] = place


@inlined
def _is_before(i, j, acts, first, second):
    if acts[i] != acts[j]:
        return acts[i] < acts[j]
    return first[i] < first[j] or (first[i] == first[j] and second[i] < second[j])


@inlined
def _is_closed(start_ms, opened_at, end_ms, at, length_ms):
    """Say whether what happens at a position closes a segment that opened at ``start_ms``.

    It does if the video can have played from there to here in the time that has passed, and if it cannot have come
    to its end by itself before.
    """
    passed = at - opened_at
    return (
        0 <= end_ms - start_ms <= _SPEED_MAX * passed + _SLACK_MS
        and passed <= _SPEED_MAX * (length_ms - start_ms) + _SLACK_MS
    )


@inlined
def _walk(places, count, line, length_ms, video, counts, segments):
    """Walk one learner's events of one video; write the seconds of its segments, as first << 32 | end.

    Returns how many were written; one that holds the middle of no second is written too, as an empty one.
    """
    time_ms, acts, flags, first, second = line
    used, plays, unclosed, completed = 0, 0, 0, 0
    # ``sure``: whether the video certainly plays; after it was completed it may play on or have ended.
    is_open, sure, start_ms, opened_at = False, False, np.int64(0), np.int64(0)
    for k in range(count):
        i = places[k]
        act, at = acts[i], time_ms[i]
        completed += act == _COMPLETED or flags[i] >> 2 == _COMPLETION_DONE
        if act == 0 or act > _PLAYED or (act == _COMPLETED and first[i] < 0):
            continue
        here = min(np.int64(first[i]), np.int64(length_ms))
        is_closed = False
        if is_open:
            end_ms = min(np.int64(second[i]), np.int64(length_ms)) if act == _SEEKED else here
            is_closed = bool(end_ms >= 0 and _is_closed(start_ms, opened_at, end_ms, at, length_ms))
            if is_closed:
                segments[used] = (start_ms + 499) // 1000 << 32 | (end_ms + 499) // 1000
                used += 1
            else:
                unclosed += sure
        plays += act == _PLAYED
        opens, sure = _opens(act, is_open, is_closed, sure)
        unclosed += int(opens and sure and here < 0)
        is_open, start_ms, opened_at = bool(opens and here >= 0), here, at
    counts[video, _VIEWERS] += plays > 0
    counts[video, _PLAYS] += plays
    counts[video, _MEASURED] += used > 0
    counts[video, _SEGMENTS] += used
    counts[video, _UNCLOSED] += unclosed + (is_open and sure)
    counts[video, _COMPLETERS] += completed > 0 and plays > 0
    return used


@inlined
def _opens(act, is_open, is_closed, sure):
    """Say whether a segment opens here, and whether it certainly does."""
    if act == _PLAYED:
        return True, True
    if act == _SEEKED:
        return is_open, sure
    return act == _COMPLETED and is_closed, False


@inlined
def _sort(values, size):
    """Sort the first values: a few by insertion, for most learners have a few."""
    if size > _FEW:
        values[:size].sort()
        return
    for i in range(1, size):
        value, at = values[i], i
        while at and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value


@inlined
def _cover(segments, size, seconds, span, video, counts, shares):
    """Add a learner's segments of one video to its seconds: all of them to the views, their union to the viewers.

    ``span`` is where the video's seconds begin and end in ``seconds``.
    """
    begin, length = span[0], span[1] - span[0]
    first, end, covered = np.int64(0), np.int64(0), np.int64(0)
    for k in range(size):
        a, b = segments[k] >> 32, min(segments[k] & 0xFFFFFFFF, length)
        if a >= b:
            continue
        seconds[1, begin + a] += 1
        seconds[1, begin + b] -= 1
        if a <= end:
            end = max(end, b)
            continue
        covered += _add(seconds, begin, first, end)
        first, end = a, b
    covered += _add(seconds, begin, first, end)
    counts[video, _COVERED] += covered
    if length:
        shares[video, min(covered * _SHARES // length, _SHARES - 1)] += 1


@inlined
def _add(seconds, begin, first, end):
    if first < end:
        seconds[0, begin + first] += 1
        seconds[0, begin + end] -= 1
    return end - first
