"""What one row must obey beyond its cells: columns that belong together or exclude each other."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping

from chc_gating.batch.rows import Acquisition, ClinicalEvent, Control, Draw
from chc_gating.errors import Fault
from chc_gating.model.panel import Panel

_BEADS = ("bead_population", "beads_added", "blood_in_tube_ml")
_FLOW_ONLY = ("dilution_factor", "volume_acquired_ul", "bead_lot_cv", *_BEADS)
_IMAGE_ONLY = ("volume_plated_ml", "pixel_size_um", "camera_tile_px", "dark_level", "labels")
_RESPONSES = ("CR", "PR", "SD", "PD")
_LEAST_PLAUSIBLE_WBC_PER_UL = 100
"""Below it a number was most likely meant in 10^9 per litre (6.2 for 6,200)."""
_MOST_PLAUSIBLE_WBC_PER_UL = 500_000
"""Leukaemia with hyperleukocytosis starts at 100,000; above this it is another unit."""
_MOST_PLAUSIBLE_ML = 100
"""More blood than one venepuncture draws: most likely microlitres."""
_MOST_PLAUSIBLE_DILUTION = 1000
_FIRST_DAY = datetime.date(1990, 1, 1)
"""Older than any file of this kind: most likely a two-digit year, or an empty date of a program."""


def check_draws(rows: Iterable[tuple[int, Draw]], file: str) -> Iterator[Fault]:
    """Yield faults within a draw's row."""
    for line, row in rows:
        if row.recovered is not None and row.spiked is None:
            yield Fault(
                file,
                "is blank, but recovered is filled",
                "fill in both, or neither",
                line,
                "spiked",
            )
        if row.recovered is not None and row.spiked is not None and row.recovered > row.spiked:
            yield Fault(
                file,
                f"more cells recovered than the {row.spiked} spiked",
                "correct one of the two",
                line,
                "recovered",
                str(row.recovered),
            )
        shares = (row.lymphocyte_fraction or 0) + (row.monocyte_fraction or 0)
        if shares > 1 + 1e-9:
            yield Fault(
                file,
                "lymphocytes and monocytes are more than all leukocytes",
                "correct one of the two fractions",
                line,
                "monocyte_fraction",
                str(row.monocyte_fraction),
            )
        if row.drawn_at and row.received_at and row.received_at < row.drawn_at:
            yield Fault(
                file,
                "received before it was drawn",
                "correct one of the two; write the date where it was another day",
                line,
                "received_at",
                row.received_at.isoformat(" ", "minutes"),
            )
        if row.drawn_at and row.drawn_at.date() != row.collected_on:
            yield Fault(
                file,
                "is not on the day of collected_on",
                "correct one of the two",
                line,
                "drawn_at",
                row.drawn_at.isoformat(" ", "minutes"),
            )


def warn_of_draws(rows: Iterable[tuple[int, Draw]], file: str) -> Iterator[str]:
    """Yield what is allowed in a draw's row and most likely not meant."""
    for line, row in rows:
        place = f"{file}, row {line}"
        wbc = row.wbc_per_ul
        if wbc is not None and wbc < _LEAST_PLAUSIBLE_WBC_PER_UL:
            yield (
                f"{place}, wbc_per_ul: {wbc:g} cells per uL is very low; "
                "6.2 x 10^9/L is 6200 per uL"
            )
        if wbc is not None and wbc > _MOST_PLAUSIBLE_WBC_PER_UL:
            yield (
                f"{place}, wbc_per_ul: {wbc:,.0f} cells per uL is very high; is it per mL or L? "
                "6.2 x 10^9/L is 6200 per uL"
            )
        if row.volume_ml is not None and row.volume_ml > _MOST_PLAUSIBLE_ML:
            yield f"{place}, volume_ml: {row.volume_ml:,g} mL of blood; is it in mL, not uL?"


def warn_of_days(
    rows: Iterable[tuple[int, Draw]], file: str, *, today: datetime.date
) -> Iterator[str]:
    """Yield draws of a day to come, or before anyone measured such blood.

    It depends on the day on which it is asked, so it is no rule of a batch, whose validity its
    files alone decide.
    """
    for line, row in rows:
        if _FIRST_DAY <= row.collected_on <= today:
            continue
        when = "in the future" if row.collected_on > today else f"before {_FIRST_DAY.year}"
        yield (
            f"{file}, row {line}, collected_on: {row.collected_on.isoformat()} is {when}; "
            "correct the day, or settings.date_format"
        )


def check_acquisitions(rows: Iterable[tuple[int, Acquisition]], file: str) -> Iterator[Fault]:
    """Yield faults within an acquisition's row."""
    for line, row in rows:
        if row.modality == "flow" and row.image != 0:
            yield Fault(
                file, "an FCS file has no images", "leave it blank", line, "image", str(row.image)
            )


def warn_of_volumes(
    rows: Iterable[tuple[int, Acquisition]], file: str, *, draws: Mapping[str, Draw]
) -> Iterator[str]:
    """Yield volumes and dilutions that are most likely not meant."""
    for line, row in rows:
        place = f"{file}, row {line}"
        draw = draws.get(row.draw)
        drawn_ml = None if draw is None else draw.volume_ml
        for name in ("volume_plated_ml", "blood_in_tube_ml"):
            volume_ml = getattr(row, name)
            if volume_ml is None:
                continue
            if drawn_ml is not None and volume_ml > drawn_ml:
                yield (
                    f"{place}, {name}: {volume_ml:,g} mL is more than the {drawn_ml:,g} mL of "
                    f"draw {row.draw}"
                )
            elif volume_ml > _MOST_PLAUSIBLE_ML:
                yield f"{place}, {name}: {volume_ml:,g} mL of blood; is it in mL, not uL?"
        if row.dilution_factor is not None and row.dilution_factor > _MOST_PLAUSIBLE_DILUTION:
            yield (
                f"{place}, dilution_factor: {row.dilution_factor:,g} is very high; it is the final "
                "volume over the blood volume, and 10 for 1 in 10"
            )


def warn_of_acquisitions(rows: Iterable[tuple[int, Acquisition]], file: str) -> Iterator[str]:
    """Yield columns that are filled and not used."""
    for line, row in rows:
        unused = _IMAGE_ONLY if row.modality == "flow" else _FLOW_ONLY
        for name in unused:
            if getattr(row, name) is not None:
                yield f"{file}, row {line}, {name}: not used with modality {row.modality}"
        beads = [name for name in _BEADS if getattr(row, name) is not None]
        if row.modality == "flow" and 0 < len(beads) < len(_BEADS):
            absent = ", ".join(name for name in _BEADS if name not in beads)
            yield f"{file}, row {line}: beads do not give a volume without {absent}"


def check_controls(rows: Iterable[tuple[int, Control]], file: str) -> Iterator[Fault]:
    """Yield faults within a control's row."""
    for line, row in rows:
        if row.kind in ("single_stain", "fmo") and row.marker is None:
            which = "stained" if row.kind == "single_stain" else "omitted"
            yield Fault(file, "is blank", f"name the {which} marker", line, "marker")
        if row.kind == "unstained" and row.marker is not None:
            yield Fault(
                file,
                "an unstained control has no marker",
                "leave it blank, or correct the kind",
                line,
                "marker",
                row.marker,
            )


def warn_of_controls(
    rows: Iterable[tuple[int, Control]], file: str, *, panels: Mapping[str, Panel]
) -> Iterator[str]:
    """Yield columns of controls that are filled and not used."""
    for line, row in rows:
        panel = panels.get(row.panel)
        is_slide = panel is None or panel.modality == "image"
        if is_slide and row.kind != "single_stain":
            continue
        for name in ("image", "pixel_size_um"):
            if name in row.model_fields_set and getattr(row, name) not in (None, 0):
                used = "only of slides that cuts are taken from"
                yield f"{file}, row {line}, {name}: not used; {used}"


def check_clinical_events(rows: Iterable[tuple[int, ClinicalEvent]], file: str) -> Iterator[Fault]:
    """Yield faults within a clinical event's row."""
    for line, row in rows:
        if row.end_date is not None and row.end_date < row.date:
            yield Fault(
                file,
                "ends before it begins",
                "correct one of the two dates",
                line,
                "end_date",
                row.end_date.isoformat(),
            )
        if row.kind == "imaging" and row.detail is not None and row.detail not in _RESPONSES:
            yield Fault(
                file,
                "is no imaging response",
                f"use one of {', '.join(_RESPONSES)}",
                line,
                "detail",
                row.detail,
            )
