"""The page for those who decide: go or no-go with the reasons, a row a criterion, charts, and how to repeat it.

It is one file that loads nothing, made from the documents that runs leave (`homeroom.proving.results`), as HTML and as
Markdown with the same words. A criterion that failed is shown as failed, first; what was not run is named, and is no
go.
The way not taken: one figure of how good it is. Whoever decides has to know which promise is broken, and by how much.
"""

from homeroom.proving.report.markdown import render_markdown
from homeroom.proving.report.page import render_page
from homeroom.proving.report.verdicts import Decision, decide

__all__ = ["Decision", "decide", "render_markdown", "render_page"]
