"""QPTIFF, the TIFF of PerkinElmer and Akoya scanners: which page is what.

Every page has a description in XML of its own. Pages of image type FullResolution are the
channels, those of ReducedResolution the pyramid; thumbnail, overview and label image are no part
of the slide (the label may name a person).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from chc_gating.imaging.metadata import MetadataError, parse_xml

_ROOT = "PerkinElmer-QPI-ImageDescription"
_FULL, _REDUCED = "FullResolution", "ReducedResolution"
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class QpiPages:
    """The pages of each level, level 0 first; a name per channel; um per pixel if it is said."""

    levels: tuple[list[Any], ...]
    names: tuple[str | None, ...]
    pixel_size_um: float | None
    repairs: tuple[str, ...]


def is_qptiff(description: str) -> bool:
    """Return whether the first page's description is that of a QPTIFF."""
    return f"<{_ROOT}" in description[:500]


def sort_pages(pages: Iterable[tuple[Any, str]]) -> QpiPages:
    """Return which pages are the channels and which the pyramid, from their descriptions.

    A channel is named by its Biomarker where every channel has one and no two are equal, else by
    its Name (the fluorophore). Raises MetadataError where there is no full-resolution page.
    """
    full: list[tuple[Any, ElementTree.Element]] = []
    reduced: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for page, description in pages:
        if not description.strip():
            continue
        root = parse_xml(description, what="a page's description")
        kind = (root.findtext("ImageType") or "").strip()
        if root.tag == _ROOT and kind == _FULL:
            full.append((page, root))
        elif root.tag == _ROOT and kind == _REDUCED:
            reduced[page.keyframe.imagelength, page.keyframe.imagewidth].append(page)
    if not full:
        raise MetadataError("has no page of full resolution; export it as OME-TIFF")
    roots = [root for _, root in full]
    names, repairs = _choose_names(roots)
    return QpiPages(
        levels=([page for page, _ in full], *(reduced[s] for s in sorted(reduced, reverse=True))),
        names=names,
        pixel_size_um=_read_pixel_size(roots[0]),
        repairs=repairs,
    )


def _choose_names(
    roots: list[ElementTree.Element],
) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    markers, fluorophores = (
        tuple((root.findtext(tag) or "").strip() or None for root in roots)
        for tag in ("Biomarker", "Name")
    )
    if None not in markers and len(set(markers)) == len(markers):
        differ = None not in fluorophores and markers != fluorophores
        return markers, ("channel names: the biomarkers, not the fluorophores",) * differ
    return fluorophores, ()


def _read_pixel_size(root: ElementTree.Element) -> float | None:
    found = {(e.text or "").strip() for e in root.iter() if e.tag == "PixelSizeMicrons"}
    sizes = {float(text) for text in found if _NUMBER.fullmatch(text)} - {0.0}
    return sizes.pop() if len(sizes) == 1 else None
