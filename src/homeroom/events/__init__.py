"""Bytes become events.

Comes in: chunks of whole lines or record batches, from `adapters`. Goes out: `RawEvents` from the codec that knows
the format, then, through the door, an `EventBatch` in which nothing names a person, and a `Reject` for everything
that could not become an event. This room must never open a file, ask the time, or let an account past the door; and
bad content must never raise: it is rejected, counted, and the good lines beside it count.
"""
