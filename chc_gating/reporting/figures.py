"""Figures as SVG text: the same bytes for the same data, real text, nothing from the network."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK = "#1a1a1a"
MUTED = "#595959"
PHENOTYPE_COLOURS = {"CHC": "#b34700", "CTC": "#0060a8"}
"""Vermilion and blue, darkened until both reach 4.5 : 1 on white; apart for all colour visions."""
PHENOTYPE_SHAPES = {"CHC": "o", "CTC": "^"}

VECTOR_POINTS = 300
"""More points than this are drawn as pixels, so that a page stays small."""

_STYLE: Any = {
    "svg.hashsalt": "chc_gating",
    # Text stays text: a page stays small, can be searched, and a screen reader can read it.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "figure.dpi": 144,
    "savefig.dpi": 144,
    "path.simplify": True,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Picture:
    """One figure of a page: SVG text, what it shows in words, and its caption."""

    svg: str
    alt: str
    caption: str
    title: str = ""


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that draws to SVG only: no window system, no global state."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def drawing_style() -> Any:
    """Return the context in which the axes of a figure are made."""
    return matplotlib.rc_context(_STYLE)


def figure_to_svg(figure: Figure, *, identifier: str) -> str:
    """Return a figure as an ``<svg>`` element to stand inside a page.

    ``identifier`` prefixes every id, so that figures of one page do not share ids. Prolog,
    document type and metadata are left out.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = _name_clips(svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{identifier}-\1"', svg)
    svg = re.sub(r"url\(#", f"url(#{identifier}-", svg)
    svg = re.sub(r'href="#', f'href="#{identifier}-', svg)
    # The page scales the figure and describes it in the element around it.
    return re.sub(
        r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"',
        r'<svg xmlns:xlink="http://www.w3.org/1999/xlink" aria-hidden="true" focusable="false"',
        svg,
        count=1,
    ).rstrip()


def _name_clips(svg: str) -> str:
    """Name each clip by what is written of it.

    matplotlib names it by the hash of unrounded numbers, whose last bits the layout's solver does
    not always repeat.
    """
    pattern = re.compile(r'<clipPath id="([^"]+)">(.*?)</clipPath>', re.DOTALL)
    names: dict[str, str] = {}
    for identifier, content in pattern.findall(svg):
        digest = hashlib.sha256(" ".join(content.split()).encode()).hexdigest()
        names[identifier] = f"clip{digest[:10]}"
    for identifier, name in names.items():
        svg = svg.replace(identifier, name)
    return svg
