"""The report: one self-contained HTML page for a course team, on screen, on a phone, on paper, by ear.

A page that people pin must be readable without instructions, so each chart stands beside its numbers as a table, the
command that makes it, and the same numbers as CSV. Names in it came from learners' browsers: the templates escape
everything, and a content security policy lets the page run its own script and style by their hashes and load nothing,
so that even a fault in the escaping could not send data anywhere.

The way not taken: a dashboard in the browser that draws from JSON. It is blank without script, on paper and in ten
years. Here everything is drawn before the page leaves; the script only adds the switch between shares and counts, the
switch between light and dark, and a line that reads a cell out.
"""

from homeroom.serve.report.page import Section, render_report

__all__ = ["Section", "render_report"]
