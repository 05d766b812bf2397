"""Rows of a spillover from pixels of single-stained slides."""

from __future__ import annotations

import numpy as np
import pytest

from chc_gating.compensation.single_stain import fit_row, join_rows
from chc_gating.errors import RawFileError


def draw_pixels(n: int = 20_000, *, share: float = 0.04, outliers: float = 0.0) -> np.ndarray:
    """Return bright pixels (DAPI, EPCAM, CK) of an EPCAM slide.

    CK sees ``share`` of EPCAM and 1 % of DAPI, and every cell has 40 grey levels of its own
    light; DAPI and EPCAM are not independent, since both are of cells.
    """
    rng = np.random.default_rng(3)
    epcam = rng.lognormal(7.5, 0.5, n)
    dna = 300 + 2000 * rng.random(n) + 0.2 * epcam
    ck = 350 + 40 + share * epcam + 0.01 * dna
    pixels = np.stack([dna, epcam + 300, ck], axis=1) + rng.normal(0, 20, (n, 3))
    pixels[: int(outliers * n), 2] += 2000
    return pixels


@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_the_share_is_told_from_dna_own_light_and_dirt(outliers: float) -> None:
    row = fit_row(draw_pixels(outliers=outliers), stained=1, dna=0)
    assert row[1] == 1.0
    assert row[0] == 0.0
    assert row[2] == pytest.approx(0.04, abs=0.002)


def test_no_bleed_through_is_none() -> None:
    row = fit_row(draw_pixels(share=0.0), stained=1, dna=0)
    assert row[2] < 0.001


def test_a_slide_without_its_stain_is_refused() -> None:
    with pytest.raises(RawFileError, match="has 999 pixels that are bright in its own channel"):
        fit_row(draw_pixels(999), stained=1, dna=0)
    with pytest.raises(RawFileError, match="of one brightness"):
        fit_row(np.full((2000, 3), 500.0), stained=1, dna=0)


def test_channels_without_a_control_keep_their_light() -> None:
    found = join_rows({"EPCAM": np.array([0.0, 1.0, 0.04])}, ("DAPI", "EPCAM", "CK"))
    assert found.matrix.tolist() == [[1, 0, 0], [0, 1, 0.04], [0, 0, 1]]
    assert found.source == "single-stained slides of EPCAM"
