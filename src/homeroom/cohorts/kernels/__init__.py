"""The loops that count: positional popcounts, period bits, bit-matrix products.

Comes in: columns of the state, or events of history, as read-only arrays, and periods as masks. Goes out: counts,
added into arrays of the caller. A kernel knows nothing of questions, and each has a plain twin in the tests.
"""
