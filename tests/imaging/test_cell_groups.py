"""measurements.parquet a group of rows at a time, and what lies near some of its cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from chc_gating.errors import ChcError
from chc_gating.imaging.cell_groups import CellGroups, open_cells
from chc_gating.imaging.measured_rows import pick_ranked, read_rows
from chc_gating.imaging.neighbours import Scale, find_nearest_of, gather_near, read_field

SCALE = Scale(width_px=3000, pixel_size_um=0.5)
COUNT = 3000


@pytest.fixture(params=[COUNT, 100, 37])
def cells(tmp_path: Path, request: pytest.FixtureRequest) -> CellGroups:
    """Cells at random on 1,500 x 3,000 um, in groups of so many rows."""
    rng = np.random.default_rng(3)
    y, x = rng.uniform(0, 6000, COUNT), rng.uniform(0, SCALE.width_px, COUNT)
    ids = np.floor(y).astype(np.int64) * SCALE.width_px + np.floor(x).astype(np.int64)
    order = np.argsort(ids)
    level = pyarrow.array([None if i % 5 == 0 else i / 3 for i in range(COUNT)], pyarrow.float32())
    pyarrow.parquet.write_table(
        pyarrow.table(
            {
                "id": ids[order],
                "centroid_y_px": y[order],
                "centroid_x_px": x[order],
                "level": level,
                "pixels": np.arange(COUNT, dtype=np.int32),
            }
        ),
        tmp_path / "measurements.parquet",
        row_group_size=request.param,
    )
    return open_cells(tmp_path / "measurements.parquet")


def find_distances(cells: CellGroups, rows: np.ndarray) -> np.ndarray:
    """From each of the rows to all cells, in um, by no index at all."""
    field = read_field(cells, np.arange(COUNT), SCALE)
    y, x = field.centroids_px.T
    return np.hypot(y - y[rows, None], x - x[rows, None]) * SCALE.pixel_size_um


def test_batches_are_of_the_size_that_was_asked_for_whatever_the_groups(cells: CellGroups) -> None:
    found = list(cells.batches(["pixels", "level"], 700, threads=2))
    assert [first for first, _ in found] == [0, 700, 1400, 2100, 2800]
    pixels = np.concatenate([columns["pixels"] for _, columns in found])
    np.testing.assert_array_equal(pixels, np.arange(COUNT))
    level = np.concatenate([columns["level"] for _, columns in found])
    assert level.dtype == np.float32
    assert np.flatnonzero(np.isnan(level)).tolist() == list(range(0, COUNT, 5))


def test_rows_are_read_where_they_stand_and_absent_columns_are_empty(cells: CellGroups) -> None:
    wanted = np.array([0, 1, 99, 100, 2999])
    rows = read_rows(cells, wanted, ["pixels", "none"])
    assert rows.column("pixels").tolist() == wanted.tolist()
    assert rows.column("pixels", np.array([99, 2999])).tolist() == [99, 2999]
    assert np.isnan(rows.column("none")).all()


def test_all_cells_within_a_radius_are_gathered(cells: CellGroups) -> None:
    rows = np.array([3, 700, 701, 2990])
    field = gather_near(cells, read_field(cells, rows, SCALE), radius_um=46.5)
    within = np.flatnonzero((find_distances(cells, rows) <= 46.5).any(axis=0))
    assert np.isin(within, field.rows).all()
    assert 4 < within.size <= field.rows.size < COUNT / 10
    for row in rows:
        y, x = field.centroids_px[np.searchsorted(field.rows, row)]
        places, _ = field.near(y, x, radius_um=46.5)
        expected = np.flatnonzero(find_distances(cells, np.array([row]))[0] <= 46.5)
        np.testing.assert_array_equal(field.rows[places], expected)


def test_the_nearest_wanted_cell_is_that_of_a_full_search(cells: CellGroups) -> None:
    """Near, far, and farther than 800 um; no cell is a neighbour of itself."""
    rng = np.random.default_rng(8)
    wanted = (rng.uniform(size=COUNT) < 0.03) & (np.arange(COUNT) < COUNT // 2)
    rows = np.sort(rng.choice(COUNT, 200, replace=False))
    rows = np.union1d(rows, np.flatnonzero(wanted)[:5])
    apart = find_distances(cells, rows)
    apart[np.arange(rows.size), rows] = np.inf
    expected = np.where(wanted, apart, np.inf).min(axis=1)
    expected[expected > 800] = np.nan
    found = find_nearest_of(cells, read_field(cells, rows, SCALE), wanted)
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).any()
    assert all(((low < found) & (found <= high)).any() for low, high in ((0, 50), (200, 800)))


def test_members_are_picked_by_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chc_gating.imaging.measured_rows._STRIDE", 16)
    members = np.random.default_rng(1).uniform(size=100) < 0.3
    ranks = np.array([0, 3, 4, 17, np.count_nonzero(members) - 1])
    np.testing.assert_array_equal(pick_ranked(members, ranks), np.flatnonzero(members)[ranks])
    assert pick_ranked(members, ranks[:0]).size == 0


def test_a_file_that_does_not_tell_its_ids_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "measurements.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2]}), path, write_statistics=False)
    with pytest.raises(ChcError, match="does not tell its cells' ids; run chc measure again"):
        open_cells(path)
