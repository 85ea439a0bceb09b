"""How answers look in every page: what the report and the pages of a node have in common.

In come answers; out go their parts as a page shows them (words, the heat map as a real table, charts in three widths,
tables, CSV), the style in light and dark, and the small script of the heat map. The texts that are the page's own come
from one catalogue. Nothing here knows who asks, and nothing is fetched.
"""

from homeroom.serve.looks.showing import Shown, environment, sheet, shown
from homeroom.serve.looks.texts import Texts, texts_of

__all__ = ["Shown", "Texts", "environment", "sheet", "shown", "texts_of"]
