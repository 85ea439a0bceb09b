"""The colours of every chart and page, for light and for dark, and the style sheet made from them.

A heat map is read by people who see colours differently, on screens in the dark and on paper. So the ten steps run in
one hue and in even steps of lightness (which no kind of colour blindness removes), and there is a gap between the
fifth and the sixth: no step lies in the middle greys, where neither dark nor light text can be read. On a dark page
the order of lightness turns round, so that "more" always stands out from the page. The tests measure what is claimed
here: text contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) also on the stripes of an incomplete cell, 3 to 1 for bars
and lines (1.4.11), and distances between the categories under simulated colour blindness.

The way not taken: a continuous scale with a colour in each cell. It needs a style in every cell, cannot follow the
page from light to dark, and lets nobody read a value back from the legend.
"""

from dataclasses import dataclass

__all__ = ["DARK", "LIGHT", "STEPS", "STRIPE_SHARE", "Scheme", "rules", "stylesheet", "variables"]

STEPS = 10
"""Steps of the sequential scale; ten make round edges (4% each up to 40%)."""
STRIPE_SHARE = 0.13
"""How much of the text's colour the stripes of an incomplete cell hold."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of one kind of page, as ``#rrggbb``.

    ``low_ink`` is the text on the first half of ``steps``, ``high_ink`` that on the second.
    """

    page: str
    surface: str
    ink: str
    muted: str
    hairline: str
    track: str
    steps: tuple[str, ...]
    low_ink: str
    high_ink: str
    new: str
    returning: str
    resurrecting: str
    dormant: str

    def step_ink(self, step: int) -> str:
        """Return the colour of text on a step."""
        return self.low_ink if step < STEPS // 2 else self.high_ink


LIGHT = Scheme(
    page="#f5f7f9", surface="#ffffff", ink="#14202e", muted="#566271", hairline="#dde3e9",
    track="#eef1f4",
    steps=("#eef9fc", "#ceecf6", "#a8dcf0", "#7fc5e6", "#57acd9",
           "#1265a5", "#055599", "#034388", "#083372", "#0c2557"),
    low_ink="#14202e", high_ink="#ffffff",
    new="#0096af", returning="#1157a4", resurrecting="#b86b00", dormant="#aa4d75",
)  # fmt: skip
DARK = Scheme(
    page="#0f1419", surface="#171c22", ink="#e8edf2", muted="#9ba8b5", hairline="#2c343d",
    track="#232a32",
    steps=("#1d2631", "#213348", "#24405f", "#265078", "#296090",
           "#419bd4", "#57b1e2", "#72c9ef", "#9addf5", "#c0edfb"),
    low_ink="#ffffff", high_ink="#0b131c",
    new="#81d5f0", returning="#5294e6", resurrecting="#f2af48", dormant="#d87495",
)  # fmt: skip

_NAMED = ("page", "surface", "ink", "muted", "hairline", "track", "low_ink", "high_ink",
          "new", "returning", "resurrecting", "dormant")  # fmt: skip


def variables(scheme: Scheme) -> str:
    """Write a scheme as CSS custom properties: ``--ink:#…;--step-0:#…``."""
    named = [f"--{name.replace('_', '-')}:{getattr(scheme, name)}" for name in _NAMED]
    steps = [f"--step-{i}:{colour}" for i, colour in enumerate(scheme.steps)]
    return ";".join((*named, *steps))


def rules() -> str:
    """Write the class rules that charts use; they expect `variables` on the chart or above it.

    Each rule gives the light colour first, for viewers of SVG that know no custom properties.
    """
    out = [
        ".hr-chart{font:12px/1.4 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
        "sans-serif;font-variant-numeric:tabular-nums}",
        ".hr-chart .heading{font-size:16px;font-weight:600}",
        ".hr-chart .name{font-weight:600}",
        ".hr-chart .cell{font-size:11px}",
        ".hr-chart .hit{fill:transparent}",
        ".hr-chart .halo{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}",
        _rule(".halo", "stroke", LIGHT.surface, "surface"),
        ".hr-chart .hit:hover{fill:#8090a0;fill-opacity:.14}",
    ]
    out += [_rule(f".s{i}", "fill", LIGHT.steps[i], f"step-{i}") for i in range(STEPS)]
    for name in _NAMED:
        light, variable = getattr(LIGHT, name), name.replace("_", "-")
        out.append(_rule(f".{variable}", "fill", light, variable))
    for name in ("hairline", "muted", "new", "returning", "resurrecting", "low_ink", "high_ink"):
        light, variable = getattr(LIGHT, name), name.replace("_", "-")
        out.append(_rule(f".line-{variable}", "stroke", light, variable))
    return "".join(out)


def stylesheet() -> str:
    """Write the whole style of a chart that stands alone.

    It follows the reader's light or dark setting, and that of Jupyter, which has one of its own.
    """
    light, dark = variables(LIGHT), variables(DARK)
    return (
        f".hr-chart{{{light}}}"
        f"@media (prefers-color-scheme:dark){{.hr-chart{{{dark}}}}}"
        f"[data-jp-theme-light=true] .hr-chart{{{light}}}"
        f"[data-jp-theme-light=false] .hr-chart{{{dark}}}"
        f"{rules()}"
    )


def _rule(selector: str, key: str, light: str, variable: str) -> str:
    return f".hr-chart {selector}{{{key}:{light};{key}:var(--{variable})}}"
