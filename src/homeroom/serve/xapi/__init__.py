"""The record store over HTTP: statements, documents, agents, activities, about; xAPI 1.0.3 and 2.0.

In come requests of learning tools, with whoever authentication found to send them; out go answers in the version that
was asked in. What a statement or a document may be is `homeroom.records`'s affair, and keeping them is that of whoever
is handed in as `Records`. An error names the field and the rule, and never repeats what was sent.
"""

from homeroom.serve.xapi.app import RecordStore, Settings, record_store

__all__ = ["RecordStore", "Settings", "record_store"]
