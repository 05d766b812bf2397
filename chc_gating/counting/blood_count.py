"""Nucleated cells per uL of blood by the clinic's blood count (CBC), and their error."""

from __future__ import annotations

import math

from chc_gating.batch.rows import Draw


def find_cells_per_ul(draw: Draw) -> float | None:
    """Return the nucleated cells per uL of blood that the preparation keeps.

    A density gradient keeps lymphocytes and monocytes, lysed or whole blood all leukocytes (the
    wrong one is an error of a factor of two to three). None where a column is blank.
    """
    if draw.wbc_per_ul is None or draw.preparation is None:
        return None
    if draw.preparation != "gradient":
        return draw.wbc_per_ul
    if draw.lymphocyte_fraction is None or draw.monocyte_fraction is None:
        return None
    return draw.wbc_per_ul * (draw.lymphocyte_fraction + draw.monocyte_fraction)


def describe_cells_per_ul(draw: Draw) -> str:
    """Return in words which cells per uL the nucleated cells are divided by, and their error."""
    cells = find_cells_per_ul(draw)
    kept = "lymphocytes and monocytes" if draw.preparation == "gradient" else "leukocytes"
    error = (
        "no cbc_cv is given: counting error only"
        if draw.cbc_cv is None
        else f"log-normal with a CV of {draw.cbc_cv:.4g}"
    )
    return f"over {cells:.10g} {kept} per uL by the blood count ({error})"


def find_log_sigma(relative_sd: float) -> float:
    """Return the SD of the logarithm of a log-normal factor: sqrt(ln(1 + rel^2))."""
    return math.sqrt(math.log1p(relative_sd**2))
