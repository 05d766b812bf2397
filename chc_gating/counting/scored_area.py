"""How much of a slide's sample was scored: what is out of focus, empty or not read is not."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.model.acquisition import AcquisitionResult

_KINDS = {
    "out_of_focus": ("out of focus", "area_out_of_focus"),
    "empty": ("without nuclei amid cells", "area_empty"),
    "unread": ("without pixels", "area_empty"),
}
"""For each kind of lost area: its words, and its flag."""


@dataclass(frozen=True)
class ScoredArea:
    """The share of a sample's area that was scored, as a step in words, with flags.

    ``step`` is None where nothing is known of it: the share is then 1.
    """

    share: float
    step: str | None
    flags: tuple[str, ...]


def find_scored_area(result: AcquisitionResult) -> ScoredArea:
    """Return the share of a slide's sample that was scored."""
    quality = result.slide.quality if result.slide else None
    if quality is None:
        return ScoredArea(1.0, None, ())
    lost = {kind: share for kind, share in quality.lost_shares.items() if share > 0}
    if not lost:
        return ScoredArea(1.0, "times 1, the share of the sample's area that was scored", ())
    parts = ", ".join(f"{share:.4g} {_KINDS[kind][0]}" for kind, share in lost.items())
    return ScoredArea(
        quality.scored_share,
        f"times {quality.scored_share:.4g}, the share of the sample's area that was scored "
        f"({parts})",
        tuple(sorted({_KINDS[kind][1] for kind in lost})),
    )
