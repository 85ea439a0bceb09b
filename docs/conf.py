"""How the documentation is built: Markdown in, HTML out that asks no other host for anything.

The pages must be readable on a machine without a network, and must not tell a third party who reads them. So when
the build ends, every page and style sheet is searched for things that a browser would fetch from elsewhere; a link
that a reader may follow is fine. A finding is a warning, and `make docs` takes warnings for errors.
"""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parent))
from offline import fetched_from_elsewhere

project = "homeroom"
copyright = "the homeroom authors, Apache-2.0"
extensions = ["myst_parser"]
exclude_patterns = ["_build", "decisions/0000-template.md"]
html_theme = "furo"
html_title = "homeroom"
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
nitpicky = True


def warn_of_other_hosts(app, error):
    """Turn each thing that a page would fetch from another host into a warning."""
    if error is None and app.builder.format == "html":
        for path, found in fetched_from_elsewhere(Path(app.outdir)):
            logging.getLogger(__name__).warning("%s asks another host: %s", path, found)


def setup(app):
    """Register the check with Sphinx, and tables as text, for which Pygments has no colours."""
    app.add_lexer("csv", TextLexer)
    app.connect("build-finished", warn_of_other_hosts)
