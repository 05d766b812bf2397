"""A cell's own light, told by an empty channel."""

from __future__ import annotations

import numpy as np
import pytest

from chc_gating.compensation import invert_spillover
from chc_gating.compensation.autofluorescence import add_autofluorescence, fit_slope
from chc_gating.model.spillover import Spillover

CHANNELS = ("DAPI", "CD45", "EPCAM", "AF")


def draw_cells(n: int = 4000, *, positive: float = 0.02, slope: float = 0.6) -> np.ndarray:
    """Return cells whose EPCAM is ``slope`` times their own light, plus stain in a few."""
    rng = np.random.default_rng(2)
    light = rng.lognormal(4.5, 0.7, n)
    stain = np.where(rng.random(n) < positive, rng.uniform(800, 3000, n), 0.0)
    cells = np.zeros((n, 4))
    cells[:, 0] = 5000
    cells[:, 1] = 3000
    cells[:, 2] = slope * light + stain
    cells[:, 3] = light
    return cells + rng.normal(0, 8, cells.shape)


@pytest.mark.parametrize("positive", [0.0, 0.02, 0.3])
def test_the_multiple_is_that_of_negative_cells(positive: float) -> None:
    cells = draw_cells(positive=positive)
    assert fit_slope(cells[:, 3], cells[:, 2]) == pytest.approx(0.6, rel=0.03)


def test_a_channel_without_autofluorescence_is_left_alone() -> None:
    cells = draw_cells(slope=0.0)
    assert fit_slope(cells[:, 3], cells[:, 2]) == 0
    found = add_autofluorescence(None, cells, CHANNELS, empty="AF", fitted=("EPCAM",))
    assert found is None


def test_few_cells_tell_nothing_and_broken_values_do_no_harm() -> None:
    cells = draw_cells()
    assert fit_slope(cells[:150, 3], cells[:150, 2]) == 0
    assert fit_slope(np.full(300, np.nan), np.ones(300)) == 0
    cells[::7, 2] = np.nan
    assert fit_slope(cells[:, 3], cells[:, 2]) == pytest.approx(0.6, rel=0.03)


def test_the_row_takes_the_light_out_of_the_marker_and_nothing_else() -> None:
    cells = draw_cells()
    found = add_autofluorescence(None, cells, CHANNELS, empty="AF", fitted=("EPCAM",))
    assert found is not None
    assert found.channels == ("AF", "EPCAM")
    pure = cells[:, [3, 2]] @ invert_spillover(found)
    assert np.array_equal(pure[:, 0], cells[:, 3])
    negative = pure[:, 1] < 400
    assert abs(np.corrcoef(pure[negative, 0], pure[negative, 1])[0, 1]) < 0.1
    assert "autofluorescence by AF" in found.source


def test_bleed_through_of_a_table_stays_and_is_taken_out_first() -> None:
    table = Spillover(("CD45", "EPCAM"), np.array([[1.0, 0.2], [0.0, 1.0]]), "a.csv")
    cells = draw_cells()
    cells[:, 2] += 0.2 * cells[:, 1]
    found = add_autofluorescence(table, cells, CHANNELS, empty="AF", fitted=("EPCAM",))
    assert found is not None
    assert found.channels == ("CD45", "EPCAM", "AF")
    assert np.array_equal(found.matrix[:2, :2], table.matrix)
    assert found.matrix[2, 1] == pytest.approx(0.6, rel=0.05)
    assert found.source.startswith("a.csv; autofluorescence by AF")
