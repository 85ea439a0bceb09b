"""Course reports: what the team of a course run looks at on a Monday.

A report has parts (enrolments, engagement, videos, problems, discussion, grades), each answered from the events of
the course run or absent with the reason, and a summary of what stands out, each sentence with the rule that found it.
What every number counts stands in ``docs/reference/course-report.md``.
"""
