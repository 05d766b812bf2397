"""Which limits a draw is held to, and which draws limits are made from.

The Snakefile imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from chc_gating.batch.contents import Batch
from chc_gating.counting.groups import GroupKey, find_key


def limit_keys(batch: Batch, draw_id: str) -> tuple[GroupKey, ...]:
    """Return the modality, panel, gates and lot of each limit that a draw is held to.

    () for donors, which limits are made of, and for spike draws.
    """
    if batch.draws[draw_id].cohort != "patient":
        return ()
    return tuple(dict.fromkeys(find_key(row) for row in batch.acquisitions_of(draw_id)))


def donor_draws(batch: Batch, *, panel: str, gates: str) -> tuple[str, ...]:
    """Return the draws of healthy donors with an acquisition of a panel and gates, of any lot."""
    return tuple(
        name
        for name, draw in batch.draws.items()
        if draw.cohort == "donor"
        and any((row.panel, row.gates) == (panel, gates) for row in batch.acquisitions_of(name))
    )
