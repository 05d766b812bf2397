"""The stitched tonsil against MCMICRO's own numbers (nf-core's test data of three CyCIF cycles).

Nine overlapping tiles a cycle, shifted by up to 8 px, with the stage's y axis against the image's.
mcquant measured eight channels of two cycles in the cells of the shipped mask, on a slide that
ASHLAR had stitched and registered.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.tonsil_table import TonsilRun, compare_tonsil


@pytest.fixture(scope="module")
def run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TonsilRun:
    data = shared_data / "image" / "tonsil"
    return compare_tonsil(data, tmp_path_factory.mktemp("tonsil"))


def test_cell_means_agree_with_mcquant_in_every_channel(run: TonsilRun) -> None:
    assert len(run.agreements) == 8
    for agreement in run.agreements:
        assert agreement.correlation > 0.995, agreement
        assert 0.99 < agreement.ratio_median < 1.01, agreement


def test_tiles_and_cycles_fit_to_a_fraction_of_a_pixel(run: TonsilRun) -> None:
    record = run.record
    assert record.orientation == "y = -y, x = x"
    assert (record.height_px, record.width_px) == (470, 591)  # as the shipped mask
    assert record.dropped_edges == 0
    assert record.residual_max_px is not None
    assert record.residual_max_px < 0.25
    assert [cycle.cycle for cycle in record.cycles] == [1, 2, 3]
    for cycle in record.cycles[1:]:
        assert all(tile.held for tile in cycle.tiles)
        assert cycle.residual_p95_px is not None
        assert cycle.residual_p95_px < 0.25
        assert cycle.rotation_deg is not None
        assert abs(cycle.rotation_deg) < 0.03


def test_nine_tiles_of_tissue_give_no_flat_field(run: TonsilRun) -> None:
    """They show tissue, not the camera; mcquant's table was made without a correction, too."""
    assert {field.applied for field in run.record.flat_fields} == {False}
    assert {field.reason for field in run.record.flat_fields} <= {
        "tiles disagree about it",
        "fewer than 8 tiles with light and without saturation",
    }
