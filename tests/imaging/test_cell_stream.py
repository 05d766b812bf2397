"""Cells of a slide as events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_scenes import PANEL, draw_discs, write_panel, write_tiff

from chc_gating.batch.panels import load_panel
from chc_gating.errors import ChcError
from chc_gating.imaging.cell_groups import open_cells
from chc_gating.imaging.cells import cell_stream, saturated_columns
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.tables import read_table


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    centres = [(40.0 + 50 * i, 40.0 + 60 * j) for i in range(4) for j in range(3)]
    dna, truth = draw_discs((230, 200), centres, radius=9)
    cd45 = np.where(truth == 3, 65535, dna // 4).astype(np.uint16)
    slide = write_tiff(folder / "slide.tif", np.stack([dna, cd45, dna // 8]))
    panel = write_panel(folder)
    segment(slide, panel=panel, output=folder)
    measure(slide, panel=panel, labels=folder, output=folder)
    return folder


def test_values_are_means_of_the_panels_compartment_less_the_background(measured: Path) -> None:
    panel = load_panel(measured / "slide3.yaml")
    cells = open_cells(measured / "measurements.parquet")
    stream = cell_stream(cells, panel)
    table = read_table(measured / "measurements.parquet")
    values = np.concatenate(list(stream.batches(1000)))
    assert stream.channels == ("DAPI", "CD45", "EPCAM")
    for column, (name, part) in enumerate(
        [("DAPI", "nucleus"), ("CD45", "ring"), ("EPCAM", "cell")]
    ):
        expected = table[f"{part}_mean:{name}"].to_numpy() - table[f"background:{name}"].to_numpy()
        np.testing.assert_array_equal(values[:, column], expected)
    assert stream.event_ids is not None
    assert (
        stream.event_ids(np.array([1, 4, 11])).tolist()
        == table["id"].to_numpy()[[1, 4, 11]].tolist()
    )


def test_batches_are_pieces_of_one_stream(measured: Path) -> None:
    panel = load_panel(measured / "slide3.yaml")
    stream = cell_stream(open_cells(measured / "measurements.parquet"), panel)
    whole = np.concatenate(list(stream.batches(1000)))
    pieces = list(stream.batches(5))
    assert [len(piece) for piece in pieces] == [5, 5, 2]
    assert all(p.flags.c_contiguous and p.dtype == np.float64 for p in pieces)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_saturated_pixels_mark_the_compartment_of_the_panel(measured: Path) -> None:
    text = PANEL.replace("role: leukocyte, measure: ring", "role: leukocyte")
    (measured / "other").mkdir()
    panel = load_panel(write_panel(measured / "other", text))
    cells = open_cells(measured / "measurements.parquet")
    ((_, columns),) = cells.pieces(saturated_columns(panel))
    marked = {name: np.flatnonzero(pixels).tolist() for name, pixels in columns.items()}
    assert marked == {
        "nucleus_saturated_px:DAPI": [],
        "cell_saturated_px:CD45": [2],
        "cell_saturated_px:EPCAM": [],
    }


def test_a_cell_without_a_ring_has_no_value_there(tmp_path: Path) -> None:
    dna, _ = draw_discs((60, 60), [(30.0, 30.0)], radius=9)
    slide = write_tiff(tmp_path / "slide.tif", np.stack([dna, dna, dna]))
    panel = write_panel(tmp_path)
    segment(slide, panel=panel, output=tmp_path)
    measure(slide, panel=panel, labels=tmp_path, output=tmp_path, ring_um=0.1)
    stream = cell_stream(open_cells(tmp_path / "measurements.parquet"), load_panel(panel))
    (values,) = next(stream.batches(10))
    assert np.isnan(values[1])  # CD45 is measured in the ring
    assert np.isfinite(values[[0, 2]]).all()


@pytest.mark.parametrize("statistic", ["median", "q90"])
def test_the_panel_says_which_statistic_stands_for_a_marker(measured: Path, statistic: str) -> None:
    panel = load_panel(measured / "slide3.yaml")
    wanted = panel.channels["CD45"].model_copy(update={"statistic": statistic})
    panel = panel.model_copy(update={"channels": {**panel.channels, "CD45": wanted}})
    values = next(cell_stream(open_cells(measured / "measurements.parquet"), panel).batches(1000))
    table = read_table(measured / "measurements.parquet")
    expected = table[f"ring_{statistic}:CD45"].to_numpy() - table["background:CD45"].to_numpy()
    np.testing.assert_array_equal(values[:, 1], expected)
    assert not np.array_equal(expected, table["ring_mean:CD45"].to_numpy())


def test_measurements_that_lack_a_channel_are_refused(measured: Path) -> None:
    panel = load_panel(measured / "slide3.yaml")
    more = {**panel.channels, "CK": panel.channels["EPCAM"].model_copy(update={"marker": "CK"})}
    with pytest.raises(ChcError, match="lacks channels CK"):
        cell_stream(
            open_cells(measured / "measurements.parquet"),
            panel.model_copy(update={"channels": more}),
        )
