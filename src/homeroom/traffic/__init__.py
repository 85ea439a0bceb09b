"""Requests reach the nearest healthy region, and common answers are there before the question.

Comes in: what each node hears of the others, what operators ordered, how busy a node is, what was answered before.
Goes out: who is suspected and who is confirmed to be gone, routing tables that say where clients go, what is let in and
what is put off, answers that are still true. This room must never open a connection, read a clock or draw a number of
its own: the same code judges links in a running node and on a virtual clock.

`detection` is who is healthy, `routing` where requests go, `overload` how many are let in, `caching` what is answered
without asking again.
"""
