"""The log of a node: entries, who numbers them, and how many requests become one of them.

Comes in: batches of events that clients send, and what the store says of a write. Goes out: effects for a shell to do
(write this, answer that, fold that), in order and without gaps. This room must never touch a disk, a socket or a
clock, and must never acknowledge what is not durable.
"""
