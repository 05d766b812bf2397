"""Nucleated cells per uL of blood by the clinic's blood count (CBC), and their error."""

from __future__ import annotations

import math

from chc_gating.batch.rows import Draw
from chc_gating.model.count import ExpectedWbc


def list_columns(draw: Draw) -> dict[str, object]:
    """Return the columns that the cells per uL are computed from; None where one is blank.

    A density gradient keeps lymphocytes and monocytes, lysed or whole blood all leukocytes (the
    wrong one is an error of a factor of two to three): without ``preparation`` nothing is known.
    """
    columns: dict[str, object] = {"wbc_per_ul": draw.wbc_per_ul, "preparation": draw.preparation}
    if draw.preparation == "gradient":
        columns["lymphocyte_fraction"] = draw.lymphocyte_fraction
        columns["monocyte_fraction"] = draw.monocyte_fraction
    return columns


def find_expected_wbc(draw: Draw) -> ExpectedWbc:
    """Return the nucleated cells per uL of blood that the preparation keeps."""
    blanks = tuple(name for name, value in list_columns(draw).items() if value is None)
    if blanks or draw.wbc_per_ul is None:
        return ExpectedWbc(blanks=blanks)
    if draw.preparation != "gradient":
        return ExpectedWbc(per_ul=draw.wbc_per_ul, cells="leukocytes")
    kept = (draw.lymphocyte_fraction or 0.0) + (draw.monocyte_fraction or 0.0)
    return ExpectedWbc(per_ul=draw.wbc_per_ul * kept, cells="lymphocytes and monocytes")


def describe_cells_per_ul(draw: Draw) -> str:
    """Return in words which cells per uL the nucleated cells are divided by, and their error."""
    expected = find_expected_wbc(draw)
    error = (
        "no cbc_cv is given: counting error only"
        if draw.cbc_cv is None
        else f"log-normal with a CV of {draw.cbc_cv:.4g}"
    )
    return f"over {expected.per_ul:.10g} {expected.cells} per uL by the blood count ({error})"


def find_log_sigma(relative_sd: float) -> float:
    """Return the SD of the logarithm of a log-normal factor: sqrt(ln(1 + rel^2))."""
    return math.sqrt(math.log1p(relative_sd**2))
