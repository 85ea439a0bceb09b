"""Where what a node has leaves it, and where what it is sent comes in: the HTTP interface, and pages.

In come requests, answers, and the summary of what was read; out go batches and questions to a node (`serving.Serving`),
problem documents, JSON, and pages that carry all they need. A caller's scopes limit what is asked, in one place
(`scoping`). This room computes no figure that an answer does not hold, never tells anybody what somebody else sent, and
what it writes asks no other machine for anything: a page must open on a train, in ten years, and behind a firewall that
a school's data may not leave.
"""
