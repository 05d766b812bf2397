from __future__ import annotations

import numpy as np

from chc_gating.model.panel import Panel
from chc_gating.simulate.oracle_slide import SlideTile, grow_labels, measure_cells


def measure(labels: np.ndarray, signal: np.ndarray, *, ring_px: float, tile: int) -> object:
    margin = int(ring_px) + 1
    padded = np.pad(labels, margin)
    height, width = labels.shape
    tiles = [
        SlideTile(
            y0=y,
            x0=x,
            margin=margin,
            signal=signal[:, y : y + tile, x : x + tile],
            outlines=padded[
                y : min(y + tile, height) + 2 * margin, x : min(x + tile, width) + 2 * margin
            ],
        )
        for y in range(0, height, tile)
        for x in range(0, width, tile)
    ]
    return measure_cells(tiles, channel_names=("CK",), ring_px=ring_px)


def test_a_pixel_takes_the_nearest_label_and_the_least_of_equals() -> None:
    labels = np.array([[5, 0, 0, 0, 9, 0, 0]])
    np.testing.assert_array_equal(grow_labels(labels, 1.0), [[5, 5, 0, 9, 9, 9, 0]])
    np.testing.assert_array_equal(grow_labels(labels, 2.0), [[5, 5, 5, 9, 9, 9, 9]])


def test_growth_is_round() -> None:
    labels = np.zeros((5, 5), dtype=np.int64)
    labels[2, 2] = 1
    # Pixels at most 1.5 away: the eight around, since sqrt(2) is 1.41.
    assert np.count_nonzero(grow_labels(labels, 1.5)) == 9
    assert np.count_nonzero(grow_labels(labels, 2.0)) == 13


def test_means_of_nucleus_ring_and_cell_worked_out_by_hand() -> None:
    labels = np.array([[0, 3, 3, 0, 0, 0]])
    signal = np.array([[[10.0, 100.0, 200.0, 40.0, 7.0, 7.0]]])
    cells = measure(labels, signal, ring_px=1.0, tile=6)
    assert cells.labels.tolist() == [3]
    assert (cells.centroid_y_px[0], cells.centroid_x_px[0]) == (0.0, 1.5)
    assert cells.means["CK", "nucleus"][0] == 150
    assert cells.means["CK", "ring"][0] == 25
    assert cells.means["CK", "cell"][0] == 87.5


def test_tiles_change_no_measurement() -> None:
    rng = np.random.default_rng(3)
    labels = np.zeros((40, 50), dtype=np.int64)
    for label in range(1, 12):
        y, x = rng.integers(0, (36, 46))
        labels[y : y + 5, x : x + 4] = label
    signal = rng.random((1, 40, 50))
    whole = measure(labels, signal, ring_px=2.5, tile=64)
    split = measure(labels, signal, ring_px=2.5, tile=17)
    np.testing.assert_array_equal(whole.labels, split.labels)
    for part in ("nucleus", "ring", "cell"):
        np.testing.assert_allclose(whole.means["CK", part], split.means["CK", part], rtol=1e-12)


def test_a_panel_chooses_the_compartment() -> None:
    labels = np.array([[0, 3, 0]])
    cells = measure(labels, np.array([[[0.0, 9.0, 0.0]]]), ring_px=1.0, tile=3)
    panel = Panel.model_validate(
        {"name": "p", "modality": "image", "channels": {"CK": {"measure": "nucleus"}}}
    )
    assert cells.columns(panel)["CK"].tolist() == [9.0]
