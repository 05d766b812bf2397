"""What each kind of event looks like to a cytometer: medians and spreads, per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHANNELS = (
    "FSC-A",
    "FSC-H",
    "SSC-A",
    "APC-A",
    "PE-A",
    "FITC-A",
    "BV421-A",
    "BV605-A",
    "Time",
)
LABELS = (None, None, None, "CD45", "EPCAM", "CK", "VIA", "BEADS", None)
FLUORESCENCE = ("APC-A", "PE-A", "FITC-A", "BV421-A", "BV605-A")
SPILLOVER = np.array(
    [
        [1.000, 0.004, 0.001, 0.003, 0.012],
        [0.012, 1.000, 0.021, 0.002, 0.310],
        [0.001, 0.180, 1.000, 0.004, 0.035],
        [0.002, 0.003, 0.009, 1.000, 0.062],
        [0.064, 0.240, 0.004, 0.051, 1.000],
    ]
)
"""(5, 5): share of a row's fluorochrome (CD45, EPCAM, CK, VIA, beads) in a column's detector."""

SIGNALS = ("FSC", "SSC", "CD45", "EPCAM", "CK", "VIA", "BEADS")


@dataclass(frozen=True)
class Appearance:
    """Median true signal and SD of its natural logarithm, in the order of SIGNALS."""

    median: tuple[float, ...]
    log_sd: tuple[float, ...]


_SPREAD = (0.15, 0.25, 0.35, 0.55, 0.55, 0.60, 0.50)
_TUMOUR_SPREAD = (0.20, 0.25, 0.30, 0.45, 0.45, 0.60, 0.50)

APPEARANCES: dict[str, Appearance] = {
    "lymphocyte": Appearance((65e3, 18e3, 22e3, 60, 70, 150, 40), _SPREAD),
    "monocyte": Appearance((105e3, 48e3, 13e3, 120, 140, 220, 60), _SPREAD),
    "granulocyte": Appearance((95e3, 95e3, 7e3, 90, 110, 260, 60), _SPREAD),
    "dead": Appearance((48e3, 40e3, 9e3, 500, 900, 25e3, 80), _SPREAD),
    "debris": Appearance((9e3, 12e3, 150, 60, 70, 400, 30), (0.55, 0.6, 0.9, 0.6, 0.6, 0.9, 0.5)),
    "bead": Appearance((120e3, 90e3, 30e3, 20e3, 20e3, 500, 60e3), (0.03,) * 7),
    "CHC_EPCAM": Appearance((140e3, 70e3, 9e3, 12e3, 140, 220, 60), _TUMOUR_SPREAD),
    "CHC_CK": Appearance((140e3, 70e3, 9e3, 140, 10e3, 220, 60), _TUMOUR_SPREAD),
    "CHC_EPCAM_CK": Appearance((140e3, 70e3, 9e3, 12e3, 10e3, 220, 60), _TUMOUR_SPREAD),
    "CTC_EPCAM": Appearance((150e3, 75e3, 90, 15e3, 140, 220, 60), _TUMOUR_SPREAD),
    "CTC_CK": Appearance((150e3, 75e3, 90, 140, 13e3, 220, 60), _TUMOUR_SPREAD),
    "CTC_EPCAM_CK": Appearance((150e3, 75e3, 90, 15e3, 13e3, 220, 60), _TUMOUR_SPREAD),
    "dim_hybrid": Appearance(
        (140e3, 70e3, 1.95e3, 12e3, 10e3, 220, 60), (0.2, 0.25, 0.06, 0.45, 0.45, 0.6, 0.5)
    ),
    "dead_tumour": Appearance((120e3, 70e3, 9e3, 12e3, 10e3, 25e3, 60), _TUMOUR_SPREAD),
}

DOUBLETS: dict[str, tuple[str, str]] = {
    "leukocyte_doublet": ("lymphocyte", "monocyte"),
    "hybrid_like_doublet": ("lymphocyte", "CTC_EPCAM_CK"),
}
"""Two cells in the laser at once: their signals add up."""

COPIES: dict[str, str] = {"nonfinite": "CHC_EPCAM_CK"}
"""Kinds that look like another until the file holds a broken value."""

KINDS: tuple[str, ...] = (*APPEARANCES, *DOUBLETS, *COPIES)
KIND_INDEX = {kind: index for index, kind in enumerate(KINDS)}

STAINED = tuple(SIGNALS.index(marker) for marker in ("CD45", "EPCAM", "CK"))
"""The signals whose brightness differs from patient to patient."""


def _first(kind: str) -> str:
    return DOUBLETS[kind][0] if kind in DOUBLETS else COPIES.get(kind, kind)


LOG_MEDIAN: NDArray[np.float64] = np.log([APPEARANCES[_first(kind)].median for kind in KINDS])
LOG_SD: NDArray[np.float64] = np.array([APPEARANCES[_first(kind)].log_sd for kind in KINDS])
"""(kinds, signals); of a doublet, those of its first cell."""
