"""What names of channels and files suggest: a start for a person, who looks at every guess."""

from __future__ import annotations

import re
from collections.abc import Collection

from chc_gating.batch.rows import ControlKind
from chc_gating.model.panel import Modality, Panel, Role

_PLAIN = re.compile(r"[^a-z0-9]")
_ROLES: tuple[tuple[str, Role], ...] = (
    (r"time\d*", "time"),
    (r"(fsc|ssc|fs|ss|forwardsc|sidesc|scatter).*", "scatter"),
    (r"cd45", "leukocyte"),
    (
        r"(epcam|cd326|panck|pancytokeratin|cytokeratin\d*|ck\d*|krt\d*|ecad.*|ecadherin)",
        "epithelial",
    ),
    (r"(via.*|livedead.*|zombie.*|7aad|pi|propidium.*|draq7|ghost.*|fvd.*|deadcells)", "viability"),
    (r"(hoechst.*|draq5|syto.*|dna\d*|nuclei)", "dna"),
    (r"beads?", "bead"),
    (r"dump", "dump"),
)
_SLIDE_DNA = re.compile(r"dapi.*")
_KNOWN_MARKER = re.compile(
    r"(CD\d+[A-Za-z]*|HLA[-_ ]?[A-Z]+|EpCAM|pan[-_ ]?CK|CK\d*|VIM|ECAD)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_FLUOROCHROME = re.compile(
    r"FITC|(PE|APC|PerCP)([- /]?(Cy|CF|Vio|Fire|Dazzle|eFluor|Alexa|H|R)[- ]?[0-9.]*)?|ECD"
    r"|(BV|BrV|BUV|BB|BYG|RB|RY|V|CF|Cy|Dy|DL|Vio|Qdot|QD|AF|eF|eFluor|Atto|DyLight|iFluor)[- ]?\d+"
    r"|Alexa[- ]?(Fluor)?[- ]?\d+|Pac(ific)?[- ]?(Blue|Orange)|Texas[- ]?Red|PE[- ]?Texas[- ]?Red"
    r"|Krome[- ]?Orange|VioBlue|VioGreen|GFP|mCherry",
    re.IGNORECASE,
)
_CONTROLS: tuple[tuple[str, ControlKind], ...] = (
    (r"unstain|auto-?fluo", "unstained"),
    (r"(?<![a-z])fmo", "fmo"),
    (r"(?<![a-z])iso(type)?(?![a-z])", "isotype"),
    (r"(?<![a-z])(comp|compensation|single[ _-]?stain(ed)?|single)(?![a-z])", "single_stain"),
)


def guess_role(name: str, marker: str | None, modality: Modality) -> Role:
    """Return the role that a channel's marker, else its name, suggests; "other" if neither."""
    for text in (marker, name):
        plain = _plain(text or "")
        for pattern, role in _ROLES:
            if plain and re.fullmatch(pattern, plain):
                return role
        if modality == "image" and _SLIDE_DNA.fullmatch(plain):
            return "dna"
    return "other"


def make_marker(label: str | None, *, channel: str = "") -> str | None:
    """Return a marker name from a channel's label ("CD45 APC" gives CD45); None without one.

    A label that only repeats the channel's name, or that is a fluorochrome's, is none.
    """
    if label is None or not label.strip() or _plain(label) == _plain(channel):
        return None
    if is_unnamed(label):
        return None
    label = _split_label(label)[0]
    known = _KNOWN_MARKER.match(label)
    text = re.sub(r"[^A-Za-z0-9_]+", "_", known[0] if known else label).strip("_")
    if not text:
        return None
    return text if text[0].isalpha() else f"m_{text}"


def find_fluorochrome(label: str | None) -> str | None:
    """Return the fluorochrome that a label ends or begins with ("CD3 BrV785"), None without one."""
    return _split_label(label or "")[1]


def _split_label(label: str) -> tuple[str, str | None]:
    """Return a label without its fluorochrome, and that."""
    text = label.strip()
    if _FLUOROCHROME.fullmatch(text):
        return "", text
    # The longest end is tried first: PE-Cy7 is one fluorochrome, and not Cy7 after a marker PE.
    cuts = [m.span() for m in re.finditer(r"[\s_:/-]+", text)]
    for first, after in cuts:
        if _FLUOROCHROME.fullmatch(text[after:]):
            return text[:first], text[after:]
    for first, after in reversed(cuts):
        if _FLUOROCHROME.fullmatch(text[:first]):
            return text[after:], text[:first]
    return text, None


def is_unnamed(channel: str) -> bool:
    """Return whether a channel has the number that stands for a name ("channel 1")."""
    return re.fullmatch(r"channel \d+", channel) is not None


def guess_control(stem: str) -> ControlKind | None:
    """Return the kind of control that a file's name suggests, None for a sample."""
    text = stem.lower().replace("_", "-")
    return next((kind for pattern, kind in _CONTROLS if re.search(pattern, text)), None)


def guess_stained(stem: str, panel: Panel) -> str | None:
    """Return the marker that a control's file name holds: its name, fluorochrome or channel.

    Only whole words of the file's name count, and the longest match wins (PE-Cy7 over PE); None
    where nothing matches, or two match alike.
    """
    words = [word for word in re.split(r"[^a-z0-9]+", stem.lower()) if word]
    ends = range(1, len(words) + 1)
    runs = {"".join(words[first:end]) for end in ends for first in range(end)}
    found: dict[int, set[str]] = {}
    for name, channel in panel.channels.items():
        if channel.marker is None:
            continue
        for text in (channel.marker, channel.fluorochrome or "", re.sub(r"-[AHW]$", "", name)):
            if len(_plain(text)) > 1 and _plain(text) in runs:
                found.setdefault(len(_plain(text)), set()).add(channel.marker)
    best = found[max(found)] if found else set()
    return best.pop() if len(best) == 1 else None


def make_id(stem: str, taken: Collection[str]) -> str:
    """Return an id from a file's name, numbered where it is taken but for upper and lower case."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-_") or "file"
    base = re.sub(r"\.{2,}", ".", text)
    used = {name.casefold() for name in taken}
    number, name = 1, base
    while name.casefold() in used:
        number += 1
        name = f"{base}-{number}"
    return name


def _plain(text: str) -> str:
    return _PLAIN.sub("", text.lower())
