"""Pieces of SVG: every text that reaches a drawing passes through `escape`, in one place.

Drawings hold names that learners' browsers sent (courses, verbs, activities), so they are escaped, freed of what XML
cannot hold, and of the marks that turn the direction of text. Strings are built directly and not through an element
tree: a triangle is thousands of rectangles, and a tree costs ten times the drawing.
"""

import hashlib
import html
import re
from dataclasses import dataclass, replace

__all__ = ["Figure", "clean", "cleaned", "document", "escape", "group", "hatch", "inline", "num", "path", "rect",
           "shorten", "text", "text_width", "without_hover", "wrap"]  # fmt: skip

_UNFIT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
                    "|[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # fmt: skip
_STRIPS = re.compile(r'<rect[^>]*class="hit"><title>[^<]*</title></rect>')
_HOVER = re.compile(r"><title>[^<]*</title></rect>")
_NARROW, _WIDE = frozenset("fijlrtI.,:;'|()[]! "), frozenset("mwMW@%<>+=")
HEADING_PX = 38
LINE_PX = 18
MARGIN_PX = 16


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing before it becomes a document: its size in px, its words, and its marks as SVG."""

    width: float
    height: float
    title: str
    summary: str
    body: str


def clean(value: str) -> str:
    """Replace by U+FFFD what XML cannot hold and what turns the direction of text.

    The first are control characters and lone surrogates.
    """
    return _UNFIT.sub("\ufffd", value)


def cleaned(value: object) -> object:
    """Return what a template is to show, plain texts clean; what has been made safe (a `str` too) stays as it is."""
    return clean(value) if type(value) is str else value


def escape(value: str) -> str:
    """Make a text safe as content and as the value of a quoted attribute."""
    return html.escape(clean(value))


def num(value: float) -> str:
    """Write a coordinate in px, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


def text_width(value: str, size_px: float = 12) -> float:
    """Estimate the width of a text in px, on the generous side: nothing here may measure fonts."""
    ems = sum(_ems(character) for character in value)
    return ems * size_px


def _ems(character: str) -> float:
    if character in _NARROW:
        return 0.38
    if character in _WIDE:
        return 0.84
    if character.isupper():
        return 0.7
    return 0.62 if ord(character) < 0x1100 else 1.02


def shorten(value: str, room_px: float, size_px: float = 12) -> str:
    """Cut a text to fit, in its middle: names of courses and activities differ at their ends."""
    if text_width(value, size_px) <= room_px:
        return value
    keep = max(min(len(value) - 1, int(room_px / (0.38 * size_px))), 2)
    while keep > 2 and text_width(_middle_out(value, keep), size_px) > room_px:
        keep -= 1
    return _middle_out(value, keep)


def _middle_out(value: str, keep: int) -> str:
    return f"{value[: keep - keep // 2]}…{value[len(value) - keep // 2 :]}"


def wrap(words: str, room_px: float) -> list[str]:
    """Break a text into lines that fit."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer) > room_px and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def text(at: tuple[float, float], content: str, style: str = "ink", anchor: str = "start") -> str:
    """Write a text; ``style`` holds classes, ``anchor`` is start, middle or end."""
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{num(at[0])}" y="{num(at[1])}" class="{style}"{end}>{escape(content)}</text>'


def rect(
    box: tuple[float, float, float, float], style: str, title: str = "", radius: float = 0
) -> str:
    """Write a rectangle (x, y, width, height); a title shows on hover."""
    x, y, width, height = (num(v) for v in box)
    corner = f' rx="{num(radius)}"' if radius else ""
    head = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" class="{style}"{corner}'
    return f"{head}><title>{escape(title)}</title></rect>" if title else f"{head}/>"


def path(route: str, style: str, extra: str = "") -> str:
    """Write a path; ``extra`` holds further attributes that need no escaping."""
    return f'<path d="{route}" class="{style}"{" " + extra if extra else ""}/>'


def group(at: tuple[float, float], body: str) -> str:
    """Move a drawing."""
    return f'<g transform="translate({num(at[0])},{num(at[1])})">{body}</g>'


def hatch(style: str) -> str:
    """Return the fill of an incomplete mark: stripes in the colour of class ``line-<style>``."""
    return f'fill="url(#@-{style})"'


def _patterns(body: str, name: str) -> str:
    out = []
    for style, opacity in (("low-ink", 0.13), ("high-ink", 0.13), ("surface", 0.5)):
        if f"url(#@-{style})" in body:
            stripe = f'<rect width="3" height="7" class="{style}" fill-opacity="{opacity}"/>'
            out.append(f'<pattern id="{name}-{style}" width="7" height="7" patternUnits="userSpaceOnUse" '
                       f'patternTransform="rotate(45)">{stripe}</pattern>')  # fmt: skip
    return f"<defs>{''.join(out)}</defs>" if out else ""


def _wrap(figure: Figure, size: tuple[float, float], style: str, body: str) -> str:
    # Several drawings share a page: ids come from the content, so they are the same in every run and differ on it.
    name = "hr" + hashlib.blake2s(f"{size}{figure.title}{body}".encode(), digest_size=5).hexdigest()
    width, height = num(size[0]), num(size[1])
    return "".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" class="hr-chart" role="img" ',
            f'aria-labelledby="{name}-t {name}-d" ',
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
            f'<title id="{name}-t">{escape(figure.title)}</title>',
            f'<desc id="{name}-d">{escape(figure.summary)}</desc>',
            f"<style>{style}</style>" if style else "",
            _patterns(body, name),
            body.replace("url(#@-", f"url(#{name}-"),
            "</svg>",
        )
    )


def document(figure: Figure, style: str) -> str:
    """Make a drawing that stands alone: heading, background and style included."""
    said = wrap(figure.summary, figure.width)
    top = MARGIN_PX + HEADING_PX + LINE_PX * len(said)
    width, height = figure.width + 2 * MARGIN_PX, top + figure.height + MARGIN_PX
    lines = (text((MARGIN_PX, 53 + LINE_PX * i), line, "muted") for i, line in enumerate(said))
    body = (
        rect((0, 0, width, height), "surface", radius=8)
        + text((MARGIN_PX, 32), shorten(figure.title, figure.width, 18), "heading ink")
        + "".join(lines)
        + group((MARGIN_PX, top), figure.body)
    )
    return _wrap(figure, (width, height), style, body)


def without_hover(figure: Figure) -> Figure:
    """Leave out what only shows under a pointer: a narrow drawing is for telephones and paper."""
    return replace(figure, body=_HOVER.sub("/>", _STRIPS.sub("", figure.body)))


def inline(figure: Figure) -> str:
    """Make a drawing for a page that brings heading, background and style itself."""
    return _wrap(figure, (figure.width, figure.height), "", figure.body)
