"""What could explain a candidate away: neighbours' light, nearness, DNA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest

from chc_gating.imaging.cell_groups import open_cells
from chc_gating.imaging.explanations import SlideCells, explain_candidates
from chc_gating.imaging.neighbours import CellField, Scale
from chc_gating.imaging.spill import SHUFFLES, chance_of_neighbour, cover_ring, shuffle_spill
from chc_gating.model.flags import event_flag_names
from chc_gating.storage.tables import read_table, write_table

WIDTH = 4000


def test_the_chance_of_a_neighbour_is_that_of_random_places() -> None:
    # 50,000 cells on 60 mm2, 10 um
    assert chance_of_neighbour(np.array([10.0]), per_um2=50_000 / 60e6)[0] == pytest.approx(
        0.230335, abs=5e-7
    )


def cover(distance: float, *, nucleus: float = 6.0, other: float = 4.0) -> float:
    return float(
        cover_ring(
            nucleus,
            2.5,
            neighbours_um=np.array([[0.0, distance]]),
            neighbour_nuclei_um=np.array([other]),
        )[0]
    )


def test_a_neighbour_covers_less_of_a_ring_the_farther_it_is() -> None:
    shares = [cover(distance) for distance in (12.0, 14.0, 16.0, 16.6)]
    assert shares == sorted(set(shares), reverse=True)
    assert 0.1 < shares[0] < 0.5
    assert cover(16.6) == 0.0  # 6 + 2.5 + 4 + 4 um are the farthest reach


def test_a_ring_place_nearer_to_a_neighbour_is_not_the_cells_own() -> None:
    """Half the ring of a cell beside a twin is the twin's; of its own half little is covered."""
    beside = cover_ring(
        5.0, 2.5, neighbours_um=np.array([[0.0, 10.0]]), neighbour_nuclei_um=np.array([5.0])
    )
    assert 0 < beside[0] < 0.35


def test_without_neighbours_no_shuffle_lights_the_ring() -> None:
    rng = np.random.default_rng(1)
    p = shuffle_spill(500.0, np.zeros(0), pool=np.full(9, 3000.0), rng=rng)
    assert p == 1 / (1 + SHUFFLES)


def test_a_ring_as_bright_as_any_cell_would_cast_is_explained() -> None:
    covered, pool = np.array([0.3]), np.full(50, 3000.0)
    rng = np.random.default_rng(1)
    assert shuffle_spill(900.0, covered, pool=pool, rng=rng) == 1.0
    assert shuffle_spill(901.0, covered, pool=pool, rng=rng) == 1 / (1 + SHUFFLES)


def test_under_the_null_small_p_are_as_rare_as_they_say() -> None:
    """Rings that hold nothing but the light of random neighbours."""
    rng = np.random.default_rng(5)
    pool, covered = rng.lognormal(8, 0.5, 5000), np.array([0.3, 0.1])
    seen = [float(rng.choice(pool, 2) @ covered) for _ in range(400)]
    found = np.array([shuffle_spill(s, covered, pool=pool, rng=rng) for s in seen])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found <= level) == pytest.approx(level, abs=0.06)


def write_slide(folder: Path, cells: list[dict[str, float]]) -> SlideCells:
    """Cells by y, x in um (pixels are .5 um), nucleus radius, ring CD45 and CK; DNA as given."""
    y, x = (np.array([c[k] for c in cells]) / 0.5 for k in "yx")
    ids = np.floor(y).astype(np.int64) * WIDTH + np.floor(x).astype(np.int64)
    order = np.argsort(ids)
    columns: dict[str, np.ndarray] = {"id": ids, "centroid_y_px": y, "centroid_x_px": x}
    columns["area_px"] = np.array([np.pi * (c.get("r", 4.0) / 0.5) ** 2 for c in cells])
    columns["cell_area_px"] = columns["area_px"] * 2
    for name, key, default in (("DAPI", "dna", 5000.0), ("CD45", "cd45", 0.0), ("CK", "ck", 0.0)):
        columns[f"background:{name}"] = np.full(len(cells), 100.0)
        level = 100.0 + np.array([c.get(key, default) for c in cells])
        columns[f"nucleus_mean:{name}"] = columns[f"ring_mean:{name}"] = level
    write_table(
        folder / "measurements.parquet",
        pyarrow.table({name: values[order] for name, values in columns.items()}),
    )
    is_leukocyte = np.array([bool(c.get("leukocyte")) for c in cells])[order]
    return SlideCells(
        cells=open_cells(folder / "measurements.parquet"),
        scale=Scale(WIDTH, 0.5),
        seed=5,
        is_leukocyte=is_leukocyte,
        dna_channel="DAPI",
        leukocyte_channels=("CD45",),
        epithelial_channels=("CK",),
        ring_um=2.5,
        area_mm2=4.0,
    )


LEUKOCYTES = [
    {"y": 20.0 + 60 * i, "x": 30.0 + 55 * j, "cd45": 3000.0, "leukocyte": 1.0}
    for i in range(20)
    for j in range(20)
]


def explain(
    folder: Path, *cells: dict[str, float], positive: tuple[bool, bool]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Explain the first of the cells, which lies at y 1500 um, below all leukocytes of a grid."""
    slide = write_slide(folder, [*LEUKOCYTES, *cells])
    y = read_table(slide.cells.path)["centroid_y_px"].to_numpy()
    row = int(np.argmin(np.abs(y - 3000.0)))
    told = explain_candidates(
        slide,
        np.array([row]),
        positive={"CD45": np.array([positive[0]]), "CK": np.array([positive[1]])},
    )
    values = {name: float(column[0]) for name, column in told.columns.items()}
    return values, event_flag_names(int(told.flags[0]))


def test_a_lone_hybrid_has_nothing_to_explain_it(tmp_path: Path) -> None:
    hybrid = {"y": 1500.0, "x": 500.0, "cd45": 2500.0, "ck": 4000.0, "r": 6.0}
    values, flags = explain(tmp_path, hybrid, positive=(True, True))
    assert flags == ()
    assert values["spill_p:CD45"] == 0.001
    assert values["spill_share:CK"] == 0.0
    assert values["dna_relative"] == pytest.approx(2.25)
    # The last row of the grid, at y 1,160 um, x 470 um or 525 um.
    assert values["nearest_leukocyte_um"] == pytest.approx(np.hypot(340, 25))
    assert np.isnan(values["solidity"])  # this table has no such column


def test_a_tumour_cell_beside_a_leukocyte_is_flagged_as_spill(tmp_path: Path) -> None:
    tumour = {"y": 1500.0, "x": 500.0, "cd45": 700.0, "ck": 4000.0, "r": 6.0}
    beside = {"y": 1509.3, "x": 500.0, "cd45": 3000.0, "leukocyte": 1.0}
    values, flags = explain(tmp_path, tumour, beside, positive=(True, True))
    assert flags == ("neighbour_spill",)
    assert values["spill_share:CD45"] > 0.5
    assert values["nearest_leukocyte_um"] == pytest.approx(9.3)


def test_a_leukocyte_lit_by_a_tumour_cell_is_flagged_as_spill(tmp_path: Path) -> None:
    lit = {"y": 1500.0, "x": 500.0, "cd45": 3000.0, "ck": 1100.0, "leukocyte": 1.0}
    tumour = {"y": 1509.3, "x": 500.0, "ck": 5000.0, "r": 6.0}
    values, flags = explain(tmp_path, lit, tumour, positive=(True, True))
    assert flags == ("neighbour_spill",)
    assert values["spill_share:CK"] > 0.5
    assert values["spill_share:CD45"] < 0.1


def test_spill_into_a_marker_that_is_negative_explains_nothing(tmp_path: Path) -> None:
    tumour = {"y": 1500.0, "x": 500.0, "cd45": 300.0, "ck": 4000.0, "r": 6.0}
    beside = {"y": 1509.3, "x": 500.0, "cd45": 3000.0, "leukocyte": 1.0}
    _, flags = explain(tmp_path, tumour, beside, positive=(False, True))
    assert flags == ()


def test_an_object_with_hardly_any_dna_is_flagged(tmp_path: Path) -> None:
    debris = {"y": 1500.0, "x": 500.0, "cd45": 3000.0, "ck": 4000.0, "r": 1.5}
    _, flags = explain(tmp_path, debris, positive=(True, True))
    assert flags == ("little_dna",)


def test_explanations_are_the_same_again(tmp_path: Path) -> None:
    tumour = {"y": 1500.0, "x": 500.0, "cd45": 600.0, "ck": 4000.0, "r": 6.0}
    beside = {"y": 1509.3, "x": 500.0, "cd45": 3000.0, "leukocyte": 1.0}
    first, _ = explain(tmp_path, tumour, beside, positive=(True, True))
    again, _ = explain(tmp_path, tumour, beside, positive=(True, True))
    np.testing.assert_array_equal(list(first.values()), list(again.values()))


@pytest.mark.parametrize("radius", [5.0, 60.0, 300.0])
def test_neighbours_are_those_that_a_full_search_finds(radius: float) -> None:
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 1500, (2000, 2))
    ids = np.floor(places[:, 0]).astype(np.int64) * WIDTH + np.floor(places[:, 1]).astype(np.int64)
    order = np.argsort(ids)
    field = CellField(np.arange(len(ids)), ids[order], places[order], Scale(WIDTH, 0.5))
    y, x = 700.0, 20.0
    rows, apart = field.near(y, x, radius_um=radius)
    distances = np.hypot(*(field.centroids_px - (y, x)).T) * 0.5
    np.testing.assert_array_equal(rows, np.flatnonzero(distances <= radius))
    np.testing.assert_allclose(apart, distances[rows])
