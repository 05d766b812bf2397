"""Spillover: how much of each fluorochrome's light every detector sees."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.model.events import FloatArray


@dataclass(frozen=True)
class Spillover:
    """A linear mixture of d fluorochromes in d detectors.

    channels : d channel names; row i is the fluorochrome of channel i, column j its detector.
    matrix : (d, d) float64; entry [i, j] is the share of fluorochrome i that detector j sees,
        usually 1 on the diagonal. Raw values (n, d) are ``pure @ matrix``.
    source : where it was read, in words that a report prints.
    """

    channels: tuple[str, ...]
    matrix: FloatArray
    source: str
