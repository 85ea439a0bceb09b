"""Events become columns and history.

Comes in: `EventBatch`es, past the door. Goes out: the two subject tables (learners, enrolments) whose columns the
kernels of `cohorts` scan, history (the set of events, one per identity), and a fingerprint that is the same for the
same set of events. This room must never read a clock or configuration: what it holds is a pure function of the
events that were folded, in whatever order and however often.
"""
