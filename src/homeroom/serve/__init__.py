"""Where answers leave as pages: today the report, one HTML page that carries all it needs.

In come answers and the summary of what was read; out goes text. This room computes no figure that an answer does not
hold, and what it writes asks no other machine for anything: a report must open on a train, in ten years, and behind
a firewall that a school's data may not leave.
"""
