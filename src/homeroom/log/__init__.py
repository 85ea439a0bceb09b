"""Entries, origins, version vectors and gaps: the log of a node as a state machine. Not built yet.

Comes in: batches of events that clients send, and entries that other nodes have. Goes out: effects (store this,
send that) for a shell to do, and entries to fold, in order and without gaps. This room must never touch a disk, a
socket or a clock, and must never acknowledge what is not durable.
"""
