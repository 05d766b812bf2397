"""Which spike draws a draw's recovery is taken from, and the acquisitions that must be gated.

The Snakefile imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from chc_gating.batch.contents import Batch
from chc_gating.batch.rows import Acquisition, Draw
from chc_gating.counting.groups import GroupKey, find_key


def recovery_sources(batch: Batch, draw_id: str) -> tuple[str, ...]:
    """Return the acquisitions of spike draws that a draw's count needs results of.

    Those of spike draws of equal modality, panel, gates and lot whose recovered cells are to be
    counted by this program; none where every recovery stands in the sheet.
    """
    found = [
        row.acquisition
        for key in _find_keys(batch, draw_id)
        for spike in find_spike_draws(batch, batch.draws[draw_id], key)
        if spike.recovered is None
        for row in find_spike_rows(batch, spike, key)
    ]
    return tuple(dict.fromkeys(found))


def recovery_draws(batch: Batch, draw_id: str) -> tuple[str, ...]:
    """Return the spike draws whose rows, and whose acquisitions' rows, a draw's count depends on.

    Those of `recovery_sources`, and those whose recovery stands in the sheet.
    """
    found = [
        spike.draw
        for key in _find_keys(batch, draw_id)
        for spike in find_spike_draws(batch, batch.draws[draw_id], key)
    ]
    return tuple(dict.fromkeys(found))


def _find_keys(batch: Batch, draw_id: str) -> tuple[GroupKey, ...]:
    return tuple(dict.fromkeys(find_key(row) for row in batch.acquisitions_of(draw_id)))


def find_spike_draws(batch: Batch, draw: Draw, key: GroupKey) -> tuple[Draw, ...]:
    """Return the spike draws of the same modality, panel, gates and lot, in the sheet's order.

    None for a draw whose own recovery is known, and for spike draws themselves.
    """
    if draw.cohort == "spike" or has_own_recovery(draw):
        return ()
    return tuple(
        other
        for other in batch.draws.values()
        if other.cohort == "spike"
        and other.spiked is not None
        and find_spike_rows(batch, other, key)
    )


def find_spike_rows(batch: Batch, spike: Draw, key: GroupKey) -> tuple[Acquisition, ...]:
    """Return a spike draw's acquisitions of this modality, panel, gates and lot."""
    return tuple(row for row in batch.acquisitions_of(spike.draw) if find_key(row) == key)


def has_own_recovery(draw: Draw) -> bool:
    """Return whether the draw's own row says how many cells were added and recovered."""
    return draw.spiked is not None and draw.recovered is not None
