"""homeroom: from a file of learning events to retention and lifecycle, at the speed of memory.

``import homeroom as hr`` is the whole Python interface; the rooms below it (``events``, ``state``, ``cohorts``, …)
are for those who extend it. ARCHITECTURE.md walks them in the order in which data does.
"""
