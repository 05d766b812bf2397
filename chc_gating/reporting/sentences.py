"""What a page says in words: the verdict, the flags, what to do. No diagnosis, ever."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chc_gating.model.count import CountRow
from chc_gating.model.flags import DRAW_FLAGS, EVENT_FLAGS
from chc_gating.model.phenotypes import CANDIDATE_CLASSES
from chc_gating.reporting.numerals import format_amount, format_count, format_volume

ZERO_UPPER95 = -math.log(0.05)
"""One-sided 95 % upper bound of a Poisson mean of which no event was seen: 2.9957."""

RESEARCH_USE = "For research use. These counts are not a diagnosis."

CLASS_WORDS = {
    "CHC": "circulating hybrid cell",
    "CTC": "circulating tumour cell",
    "leukocyte": "leukocyte",
    "indeterminate_candidate": "indeterminate, could be CHC or CTC",
    "indeterminate": "indeterminate, cannot be CHC or CTC",
    "unclassified": "unclassified",
    "invalid_candidate": "invalid value, could be CHC or CTC",
    "invalid": "invalid value, cannot be CHC or CTC",
}

MODALITY_WORDS = {"flow": "Flow cytometry", "image": "Slide image"}

_EXPOSURE_WORDS = {
    "beads": "counting beads",
    "volume_acquired_ul": "the acquired volume in the sheet",
    "$VOL": "the volume that the file states ($VOL)",
    "fractions": "the fractions stained and acquired",
    "volume_plated_ml": "the blood volume plated",
    "nucleated_cells": "nucleated cells and the blood count",
    "volume_ml": "the draw's whole blood, with a recovery that holds every loss",
}


@dataclass(frozen=True)
class Verdict:
    """One sentence on one phenotype, and what qualifies it."""

    phenotype: str
    text: str
    counted: bool


def describe_phenotype(name: str) -> str:
    """Return a class in words; a sub-phenotype by the markers that are surely positive.

    Examples
    --------
    >>> describe_phenotype("CHC_EPCAM_CK"), describe_phenotype("CTC_unresolved")
    ('EPCAM and CK', 'unresolved: positive for one, another is in its band or invalid')
    """
    if name in CLASS_WORDS:
        return CLASS_WORDS[name]
    head, _, rest = name.partition("_")
    if head not in CANDIDATE_CLASSES or not rest:
        return name
    if rest == "unresolved":
        return "unresolved: positive for one, another is in its band or invalid"
    markers = rest.split("_")
    return " and ".join(markers) if len(markers) > 1 else f"{rest} only"


def describe_flag(flag: str) -> str:
    """Return a flag's meaning in words; a flag that this version does not know, as it is."""
    return DRAW_FLAGS.get(flag) or EVENT_FLAGS.get(flag) or flag


def describe_exposure_source(source: str | None) -> str:
    """Return where an exposure comes from, in words."""
    return "not known" if source is None else _EXPOSURE_WORDS.get(source, source)


def split_flags(cell: str) -> tuple[str, ...]:
    """Return the flags of a table cell."""
    return tuple(flag for flag in cell.split(";") if flag)


def count_flags(cells: Iterable[Iterable[str]]) -> list[tuple[str, str, int]]:
    """Return each flag with its meaning and how many of ``cells`` carry it, most first."""
    counts: dict[str, int] = {}
    for flags in cells:
        for flag in set(flags):
            counts[flag] = counts.get(flag, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(flag, describe_flag(flag), number) for flag, number in ordered]


def describe_interval(row: CountRow) -> str:
    """Return the interval per 7.5 mL; a zero has its one-sided upper bound, "at most".

    Empty where the count has no exposure.
    """
    if row.per_7_5_ml is None:
        return ""
    if row.count == 0:
        return f"at most {format_amount(row.upper95_per_7_5_ml)}"
    low = format_amount(row.ci95_low_per_7_5_ml)
    return f"{low} to {format_amount(row.ci95_high_per_7_5_ml)}"


def describe_count(count: int | None) -> str:
    """Return a count of events; a zero with the upper bound of its mean."""
    if count == 0:
        return f"0 (at most {format_amount(ZERO_UPPER95)})"
    return format_count(count)


def give_verdict(row: CountRow) -> Verdict:
    """Return the one sentence that a reader takes home from a row of CHC or CTC."""
    name = row.phenotype or "events"
    if row.status == "not_counted" or row.count is None:
        return Verdict(name, f"NOT COUNTED: {row.reason or 'no reason was recorded'}.", False)
    if row.per_7_5_ml is None:
        return Verdict(name, _without_exposure(row, name), True)
    examined = format_volume(row.exposure_ml)
    start = f"{row.count:,} {name} in {examined} examined"
    if row.count == 0:
        bound = format_amount(row.upper95_per_7_5_ml)
        text = f"{start}: 0 per 7.5 mL, at most {bound} (one-sided 95 % upper bound)."
    else:
        interval = describe_interval(row)
        rate = format_amount(row.per_7_5_ml)
        text = f"{start}: {rate} per 7.5 mL (95 % interval {interval})."
    return Verdict(name, text, True)


def _without_exposure(row: CountRow, name: str) -> str:
    among = (
        f" among {row.nucleated_cells:,} nucleated cells" if row.nucleated_cells is not None else ""
    )
    bound = (
        f" (at most {format_amount(ZERO_UPPER95)}, one-sided 95 % upper bound)"
        if row.count == 0
        else ""
    )
    return f"{row.count:,} {name}{among}{bound}; no number per 7.5 mL."


def describe_recovery(rows: Sequence[CountRow]) -> str:
    """Return whether the numbers per 7.5 mL include recovery."""
    known = sorted({row.recovery for row in rows if row.recovery is not None})
    if not known:
        return "Not corrected for recovery: losses in preparation are not known."
    return "Corrected for a recovery of " + ", ".join(f"{100 * r:.1f} %" for r in known) + "."


def advise_remedy(reason: str | None, min_events: object = None) -> str:
    """Return what to do about a draw that was not counted.

    min_events : the setting of this name that the draw was counted with, where it is known.
    """
    text = (reason or "").lower()
    for words, remedy in _REMEDIES:
        if any(word in text for word in words):
            now = f" (now {min_events:,})" if isinstance(min_events, int) else ""
            return remedy.replace("{now}", now)
    return "Correct what the reason names"


_REMEDIES = (
    (
        ("no cuts",),
        "Read the densities on the draw's page: a marker's cut lies in the valley between the dim "
        "and the bright cloud, in the units of the axis, better still above nearly all events of "
        "an unstained or FMO control. Write it into the gates file (cuts: {CD45: {fixed: 2000}} "
        "with your own markers and values) beside the phenotypes",
    ),
    (
        ("too few events", "nothing measured", "min_events"),
        "Look at the gates over the densities on the draw's page: do they hold the cells? "
        "If not, correct the gates file. If they do, acquire more; for a sample that is small by "
        "nature set settings: {min_events: ...} in config.yaml{now} to what you accept",
    ),
    (
        ("no such file",),
        "Put the file where the acquisitions sheet says, or correct the sheet",
    ),
    (
        ("panel",),
        "Correct the panel file, or name the panel that fits in the acquisitions sheet",
    ),
    (
        ("cut short", "copy it again", "export it", "copy the file", "truncated", "is empty"),
        "Copy or export the raw file again and compare its size with the original",
    ),
    (
        ("volume_ml", "exposure"),
        "Compare the volumes and fractions in the draws and acquisitions sheets with the notes "
        "of the bench",
    ),
    (
        ("no acquisition",),
        "Add the draw's files to the acquisitions sheet, or leave the draw out",
    ),
)
"""Words of a reason, and what a person at the bench does about it; the first that fits."""
