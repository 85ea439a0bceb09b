"""Many nodes, one answer: entries reach every node by any path, and all nodes prove to each other that they agree.

Comes in: entries that this node made durable, messages of other nodes as bytes, what a log was asked for, readings of
two clocks. Goes out: messages, entries to be written, how far each origin may be folded, answers to whoever waits for
other regions, alarms. This room must never open a connection, read a clock, draw a number of its own, or say that
something is held which is not durable.

`messages` is what goes over a link, `residency` who may have what, `replication` how entries get everywhere (`telling`
gives them out, `taking` lets them in, `knowledge` is what both go by), `hybrid` whose clock is believed, `gate` how far
may be folded, `waiting` who waits for what, `agreement` how fingerprints are compared, `member` puts these together,
`fabric` is what carries messages.
"""
