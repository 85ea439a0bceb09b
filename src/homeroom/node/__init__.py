"""One region's node: the cores put together, and nothing else.

Comes in: decoded events, batches that clients sent, entries that are durable, questions. Goes out: what a log is to
write, states that have been folded, answers. Where things are kept, and which thread does what, is the affair of
whoever runs it (`homeroom.running`, `homeroom.analyzer`); this room must never open a file or start a thread.
"""
