"""Membership that is kept: who is in which cohort now, and who has just entered or left.

In come a tenant's state, the keys of the learners whose rows were written to, what is defined, and the time; out go
members, sizes, the cohorts of one learner, and changes, numbered in order. The room asks no clock and starts no thread:
it says what is to be done, and is told when. What a rule means is never settled here: it asks the evaluator, of a few
learners or of all.
"""
