"""From an acquisition's row, its draw's row and its result to mL of blood really examined.

The routes are tried in the contract's order; the first whose columns are all filled is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chc_gating.batch.rows import Acquisition, Draw
from chc_gating.counting.bead_errors import find_bead_errors
from chc_gating.counting.blood_count import (
    describe_cells_per_ul,
    find_expected_wbc,
    find_log_sigma,
    list_columns,
)
from chc_gating.counting.live_share import find_live_share
from chc_gating.counting.scored_area import find_scored_area
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.exposure import Exposure, ExposureSource, UncertainFactor
from chc_gating.model.panel import Modality

UL_PER_ML = 1000.0
CELLS_PER_UL = "cells per uL"


@dataclass(frozen=True)
class Acquired:
    """One acquisition: its row, its draw's row, and what was found in its file."""

    draw: Draw
    row: Acquisition
    result: AcquisitionResult


@dataclass(frozen=True)
class Route:
    """A way to a volume: the columns it needs (None: blank), and the volume from them."""

    source: ExposureSource
    columns: Callable[[Acquired], Mapping[str, object]]
    measure: Callable[[Acquired], Exposure]

    def blanks(self, acquired: Acquired) -> tuple[str, ...]:
        """Return the columns that this route needs and that are blank."""
        return tuple(name for name, value in self.columns(acquired).items() if value is None)


def find_exposure(acquired: Acquired) -> Exposure:
    """Return the blood examined in one acquisition, by the first route that applies.

    Where none does, the exposure has no volume and its reason names the blank columns.
    """
    found = measure_routes(acquired)
    if found:
        return found[0]
    return Exposure(reason=_explain_blanks(acquired, ROUTES[acquired.row.modality]))


def measure_routes(acquired: Acquired) -> tuple[Exposure, ...]:
    """Return the exposure by every route whose columns are all filled, in the routes' order."""
    routes = ROUTES[acquired.row.modality]
    return tuple(route.measure(acquired) for route in routes if not route.blanks(acquired))


def _explain_blanks(acquired: Acquired, routes: tuple[Route, ...]) -> str:
    """Name the blank columns of the routes that were begun; of all where none was."""
    begun = [r for r in routes if len(r.blanks(acquired)) < len(r.columns(acquired))]
    needs = [f"{r.source} lacks {', '.join(r.blanks(acquired))}" for r in begun or routes]
    refused = acquired.result.flow and acquired.result.flow.volume_refused
    if refused:
        needs.append(f"$VOL cannot be used: {refused}")
    return f"no volume of blood: {'; '.join(needs)}"


def _bead_columns(acquired: Acquired) -> Mapping[str, object]:
    row = acquired.row
    return {
        "bead_population": row.bead_population,
        "beads_added": row.beads_added,
        "blood_in_tube_ml": row.blood_in_tube_ml,
    }


def _measure_by_beads(acquired: Acquired) -> Exposure:
    """Blood in the tube times the share of its beads that was acquired.

    The beads share the cells' fate from their addition on: no other fraction applies.
    """
    row, beads = acquired.row, acquired.result.bead_events
    blood, added = row.blood_in_tube_ml or 0.0, row.beads_added or 0.0
    if not beads:
        return Exposure(reason=f"no event in bead_population {row.bead_population}")
    errors = find_bead_errors(beads, row.bead_lot_cv)
    return Exposure(
        volume_ml=blood * beads / added,
        source="beads",
        steps=(
            f"{blood:.10g} mL of blood in the tube with {added:.10g} beads",
            f"times {beads:,} beads acquired of those added ({beads / added:.4g}); {errors.words}",
        ),
        uncertain=errors.lot,
        counting_cv=errors.counting_cv,
    )


def _acquired_columns(acquired: Acquired) -> Mapping[str, object]:
    row = acquired.row
    return {
        "volume_acquired_ul": row.volume_acquired_ul,
        "dilution_factor": row.dilution_factor,
    }


def _measure_by_volume_acquired(acquired: Acquired) -> Exposure:
    return _from_suspension(
        acquired,
        acquired.row.volume_acquired_ul or 0.0,
        source="volume_acquired_ul",
        origin="acquired by the sheet",
    )


def _keyword_columns(acquired: Acquired) -> Mapping[str, object]:
    flow = acquired.result.flow
    return {
        "$VOL in the file": flow.volume_ul if flow else None,
        "dilution_factor": acquired.row.dilution_factor,
    }


def _measure_by_volume_keyword(acquired: Acquired) -> Exposure:
    flow = acquired.result.flow
    volume_ul = (flow.volume_ul if flow else None) or 0.0
    note = (flow.volume_note if flow else None) or "its unit as the file states it"
    exposure = _from_suspension(
        acquired, volume_ul, source="$VOL", origin=f"acquired by the file's $VOL ({note})"
    )
    repaired = ("volume_unit_repaired",) if flow and flow.volume_unit_repaired else ()
    return exposure.model_copy(update={"flags": exposure.flags + repaired})


def _from_suspension(
    acquired: Acquired, volume_ul: float, *, source: ExposureSource, origin: str
) -> Exposure:
    """Blood in a volume of diluted blood, less the events that were aborted or lost."""
    dilution = acquired.row.dilution_factor or 1.0
    live = find_live_share(acquired.result)
    if volume_ul <= 0 or live.share <= 0:
        return Exposure(reason=f"{source} gives a volume of 0")
    return Exposure(
        volume_ml=volume_ul / UL_PER_ML / dilution * live.share,
        source=source,
        steps=(
            f"{volume_ul:.10g} uL {origin}",
            f"over the dilution_factor {dilution:.10g}",
            live.step,
        ),
        flags=live.flags,
    )


def _fraction_columns(acquired: Acquired) -> Mapping[str, object]:
    return {
        "volume_ml": acquired.draw.volume_ml,
        "fraction_stained": acquired.row.fraction_stained,
        "fraction_acquired": acquired.row.fraction_acquired,
    }


def _measure_by_fractions(acquired: Acquired) -> Exposure:
    """V f_stained f_acquired f_live."""
    row, volume = acquired.row, acquired.draw.volume_ml or 0.0
    stained, share = row.fraction_stained or 0.0, row.fraction_acquired or 0.0
    live = find_live_share(acquired.result)
    if live.share <= 0:
        return Exposure(reason="fractions: no event was measured")
    return Exposure(
        volume_ml=volume * stained * share * live.share,
        source="fractions",
        steps=(
            f"{volume:.10g} mL of blood (volume_ml)",
            f"times fraction_stained {stained:.10g}",
            f"times fraction_acquired {share:.10g}",
            live.step,
        ),
        flags=live.flags,
    )


def _plated_columns(acquired: Acquired) -> Mapping[str, object]:
    return {"volume_plated_ml": acquired.row.volume_plated_ml}


def _measure_by_volume_plated(acquired: Acquired) -> Exposure:
    """Blood equivalent on the slide, times the shares that were imaged and scored."""
    row, plated = acquired.row, acquired.row.volume_plated_ml or 0.0
    imaged = 1.0 if row.fraction_acquired is None else row.fraction_acquired
    step = (
        "fraction_acquired is blank: the whole slide is taken as imaged"
        if row.fraction_acquired is None
        else f"times fraction_acquired {imaged:.10g}, the share of the slide that was imaged"
    )
    scored = find_scored_area(acquired.result)
    if scored.share <= 0:
        return Exposure(reason="volume_plated_ml: no part of the slide could be scored")
    steps = (f"{plated:.10g} mL of blood on the slide (volume_plated_ml)", step)
    return Exposure(
        volume_ml=plated * imaged * scored.share,
        source="volume_plated_ml",
        steps=steps if scored.step is None else (*steps, scored.step),
        flags=scored.flags,
    )


def _blood_count_columns(acquired: Acquired) -> Mapping[str, object]:
    return list_columns(acquired.draw)


def _measure_by_nucleated_cells(acquired: Acquired) -> Exposure:
    """Nucleated cells over nucleated cells per uL of blood."""
    draw, nucleated = acquired.draw, acquired.result.nucleated_events
    cells_per_ul = find_expected_wbc(draw).per_ul
    if not nucleated or not cells_per_ul:
        return Exposure(reason="nucleated_cells: no nucleated cell was found")
    sigma = find_log_sigma(draw.cbc_cv) if draw.cbc_cv else None
    lost = find_scored_area(acquired.result).flags
    of_scored = " in the part of the slide that was scored" if lost else ""
    return Exposure(
        volume_ml=nucleated / cells_per_ul / UL_PER_ML,
        source="nucleated_cells",
        steps=(
            f"{nucleated:,} nucleated cells{of_scored}",
            describe_cells_per_ul(draw),
            "no recovery applies: leukocytes and candidates are taken to be lost alike",
        ),
        flags=(*(("cbc_counting_error_only",) if sigma is None else ()), "unequal_losses", *lost),
        uncertain=(UncertainFactor(name=CELLS_PER_UL, sigma=sigma),) if sigma else (),
        recovery_applies=False,
    )


ROUTES: Mapping[Modality, tuple[Route, ...]] = {
    "flow": (
        Route("beads", _bead_columns, _measure_by_beads),
        Route("volume_acquired_ul", _acquired_columns, _measure_by_volume_acquired),
        Route("$VOL", _keyword_columns, _measure_by_volume_keyword),
        Route("fractions", _fraction_columns, _measure_by_fractions),
    ),
    "image": (
        Route("volume_plated_ml", _plated_columns, _measure_by_volume_plated),
        Route("nucleated_cells", _blood_count_columns, _measure_by_nucleated_cells),
    ),
}
"""The routes to a volume, by modality, in the order in which they are tried."""
