"""Sums, means, minima and maxima of cells, against scikit-image on the same labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from image_scenes import draw_discs, write_panel, write_tiff
from numpy.typing import NDArray

from chc_gating.errors import ChcError
from chc_gating.imaging.blocks import Box, grid_blocks, spread_boxes
from chc_gating.imaging.cell_table import COMPARTMENTS, table_schema
from chc_gating.imaging.labels import Labels, write_labels
from chc_gating.imaging.measure import measure_cells
from chc_gating.imaging.rings import grow_cells
from chc_gating.imaging.slide import open_slide
from chc_gating.model.flags import event_flag_names
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.tables import read_table

NAMES = ("DNA 1", "Na/K ATPase", "CD3", "CD45RO")
TONSIL_PANEL = """\
modality: image
channel_names: [DNA 1, Na/K ATPase, CD3, CD45RO]
channels:
  DNA 1: {role: dna, measure: nucleus}
  Na/K ATPase: {role: other}
  CD3: {marker: CD3, role: epithelial}
  CD45RO: {marker: CD45RO, role: leukocyte, measure: ring}
"""


def reference(
    labels: NDArray[np.int32], stack: NDArray[np.uint16]
) -> dict[str, NDArray[np.float64]]:
    from skimage.measure import regionprops_table

    return regionprops_table(
        labels,
        intensity_image=np.moveaxis(stack, 0, -1).astype(np.float64),
        properties=(
            "label",
            "area",
            "centroid",
            "bbox",
            "intensity_mean",
            "intensity_min",
            "intensity_max",
        ),
    )


@pytest.fixture(scope="module")
def tonsil(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]]:
    """Measurements, labels and pixels of a real tile of four channels."""
    path = shared_data / "image" / "tonsil" / "cycif-tonsil-cycle1.ome.tif"
    folder = tmp_path_factory.mktemp("tonsil")
    panel = write_panel(folder, TONSIL_PANEL)
    segment(path, panel=panel, output=folder, image=0)
    measure(path, panel=panel, labels=folder, output=folder)
    with open_slide(path, channel_names=NAMES) as slide, Labels(folder / "labels.tif") as labels:
        whole = Box(0, slide.shape[0], 0, slide.shape[1])
        stack = np.stack([slide.read_box(c, whole) for c in range(4)])
        return read_table(folder / "measurements.parquet"), labels.read(whole), stack


def test_cells_of_a_real_tile_are_found(
    tonsil: tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]],
) -> None:
    table, labels, _ = tonsil
    # The mask shipped with the data holds some 150 cells in an area of this size; it joins
    # neighbours. The watershed finds 240 nuclei.
    assert 150 <= table.num_rows <= 320
    assert table["id"].to_pylist() == (np.unique(labels[labels > 0]) - 1).tolist()


@pytest.mark.parametrize("compartment", ["nucleus", "ring", "cell"])
def test_real_cells_equal_regionprops(
    tonsil: tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]], compartment: str
) -> None:
    table, labels, stack = tonsil
    _, nuclei = np.unique(labels, return_inverse=True)  # ids ascending: 1, 2, ...
    nuclei = nuclei.reshape(labels.shape).astype(np.int32)
    cells = grow_cells(nuclei, 2.5 / 0.65)
    masks = {"nucleus": nuclei, "ring": np.where(nuclei > 0, 0, cells), "cell": cells}
    expected = reference(masks[compartment], stack)
    rows = expected["label"] - 1
    for c, name in enumerate(NAMES):
        mean = table[f"{compartment}_mean:{name}"].to_numpy()[rows]
        np.testing.assert_allclose(mean, expected[f"intensity_mean-{c}"], rtol=1e-12)
        if compartment == "cell":
            continue
        sums = table[f"{compartment}_sum:{name}"].to_numpy()[rows]
        np.testing.assert_array_equal(
            sums, np.rint(expected[f"intensity_mean-{c}"] * expected["area"])
        )
        for what in ("min", "max"):
            found = table[f"{compartment}_{what}:{name}"].to_numpy()[rows]
            np.testing.assert_array_equal(found, expected[f"intensity_{what}-{c}"])
    if compartment == "cell":
        np.testing.assert_array_equal(table["cell_area_px"].to_numpy(), expected["area"])


def test_shapes_of_real_nuclei_equal_regionprops(
    tonsil: tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]],
) -> None:
    from skimage.measure import regionprops

    table, labels, _ = tonsil
    _, nuclei = np.unique(labels, return_inverse=True)
    regions = regionprops(nuclei.reshape(labels.shape))
    for row, region in zip(table.to_pylist(), regions, strict=True):
        assert row["area_px"] == region.area
        assert row["area_um2"] == pytest.approx(region.area * 0.65**2)
        assert (row["centroid_y_px"], row["centroid_x_px"]) == pytest.approx(region.centroid)
        box = (row["box_y0_px"], row["box_x0_px"], row["box_y1_px"], row["box_x1_px"])
        assert box == region.bbox
        assert row["solidity"] == pytest.approx(region.solidity, rel=1e-12)
        assert row["eccentricity"] == pytest.approx(region.eccentricity, abs=1e-7)
        central = region.moments_central
        assert row["moment_yy_px2"] == pytest.approx(central[2, 0] / region.area)
        assert row["moment_xx_px2"] == pytest.approx(central[0, 2] / region.area)
        assert row["moment_xy_px2"] == pytest.approx(central[1, 1] / region.area, abs=1e-9)


@pytest.mark.parametrize("compartment", ["nucleus", "ring", "cell"])
def test_distributions_in_real_cells_equal_numpys(
    tonsil: tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]], compartment: str
) -> None:
    table, labels, stack = tonsil
    _, nuclei = np.unique(labels, return_inverse=True)
    nuclei = nuclei.reshape(labels.shape).astype(np.int32)
    cells = grow_cells(nuclei, 2.5 / 0.65)
    masks = {"nucleus": nuclei, "ring": np.where(nuclei > 0, 0, cells), "cell": cells}
    mask = masks[compartment]
    rows = table.to_pylist()
    for label in np.unique(mask[mask > 0]):
        row = rows[label - 1]
        for c, name in enumerate(NAMES):
            levels = stack[c][mask == label]
            key = f"{compartment}_{{}}:{name}".format
            assert row[key("median")] == np.median(levels)
            assert row[key("q90")] == np.percentile(levels, 90)
            assert row[key("sd")] == pytest.approx(np.std(levels), rel=1e-6)
            assert row[key("saturated_fraction")] == np.float32(np.mean(levels >= 65535))


def test_focus_of_real_nuclei_is_the_variance_of_the_laplacian(
    tonsil: tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]],
) -> None:
    from scipy.ndimage import laplace

    table, labels, stack = tonsil
    sharpness = laplace(stack[0].astype(np.float64), mode="nearest")
    for row in table.to_pylist()[::7]:
        expected = np.var(sharpness[labels == row["id"] + 1])
        assert row["focus"] == pytest.approx(expected, rel=1e-9)


def test_distances_between_real_nuclei_equal_a_search_of_all_pairs(
    tonsil: tuple[pa.Table, NDArray[np.int64], NDArray[np.uint16]],
) -> None:
    table, _, _ = tonsil
    points = np.stack([table[f"centroid_{axis}_px"].to_numpy() for axis in "yx"], axis=1)
    distances = np.hypot(*(points[:, np.newaxis] - points).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(
        table["nearest_nucleus_um"].to_numpy(), 0.65 * distances.min(axis=1), rtol=1e-12
    )


def measure_labels(
    folder: Path, labels: NDArray[np.int64], stack: NDArray[np.uint16], *, ring_um: float = 1.0
) -> list[dict[str, float]]:
    """Return the rows that labels (1 + seed index) on a slide of .5 um pixels give."""
    path = write_tiff(folder / "slide.tif", stack)
    blocks = (labels[block.slices] for block in grid_blocks(labels.shape))
    write_labels(folder / "labels.tif", labels.shape, blocks)
    names = tuple(f"channel {i + 1}" for i in range(len(stack)))
    with open_slide(path) as slide, Labels(folder / "labels.tif") as image:
        measure_cells(slide, image, channels=names, output=folder / "m.parquet", ring_um=ring_um)
    return read_table(folder / "m.parquet").to_pylist()


def put_cell(labels: NDArray[np.int64], y: int, x: int, side: int) -> None:
    """Draw a square nucleus whose seed is its first pixel."""
    labels[y : y + side, x : x + side] = y * labels.shape[1] + x + 1


def test_counted_by_hand(tmp_path: Path) -> None:
    labels = np.zeros((8, 9), np.int64)
    put_cell(labels, 3, 3, 2)
    image = np.full((8, 9), 10, np.uint16)
    image[3:5, 3:5] = [[100, 200], [300, 65535]]
    image[2, 3] = 40
    (row,) = measure_labels(tmp_path, labels, image[np.newaxis], ring_um=0.5)  # one pixel
    assert row["id"] == 30
    assert (row["area_px"], row["cell_area_px"]) == (4, 12)
    assert (row["centroid_y_px"], row["centroid_x_px"]) == (3.5, 3.5)
    assert row["nucleus_sum:channel 1"] == 100 + 200 + 300 + 65535
    levels = [100, 200, 300, 65535]
    assert row["nucleus_sd:channel 1"] == np.float32(np.std(levels))
    assert row["nucleus_median:channel 1"] == 250
    assert row["nucleus_q90:channel 1"] == pytest.approx(300 + 0.7 * (65535 - 300))  # rank 2.7
    assert row["nucleus_saturated_fraction:channel 1"] == 0.25
    assert (row["nucleus_min:channel 1"], row["nucleus_max:channel 1"]) == (100, 65535)
    assert row["nucleus_saturated_px:channel 1"] == 1
    assert row["ring_mean:channel 1"] == (40 + 7 * 10) / 8
    assert row["cell_mean:channel 1"] == (100 + 200 + 300 + 65535 + 110) / 12
    assert row["cell_saturated_px:channel 1"] == 1
    assert row["background:channel 1"] == 10
    # The background is 10 everywhere, so its noise is that of rounding: one level is enough.
    assert row["nucleus_positive_fraction:channel 1"] == 1
    assert row["ring_positive_fraction:channel 1"] == 1 / 8
    assert row["cell_positive_fraction:channel 1"] == np.float32(5 / 12)
    assert (row["eccentricity"], row["solidity"]) == (0, 1)
    assert (row["touching_cells"], row["nuclei_in_contact"]) == (0, 1)
    assert row["nearest_nucleus_um"] is None
    assert (row["moment_yy_px2"], row["moment_xy_px2"]) == (0.25, 0.0)
    assert row["flags"] == 0


def test_a_nucleus_without_room_for_a_ring_has_an_empty_ring(tmp_path: Path) -> None:
    labels = np.ones((4, 4), np.int64)
    (row,) = measure_labels(tmp_path, labels, np.full((1, 4, 4), 7, np.uint16))
    assert row["ring_mean:channel 1"] is None
    assert row["ring_min:channel 1"] is None
    assert row["ring_median:channel 1"] is None
    assert row["ring_positive_fraction:channel 1"] is None
    assert row["ring_sum:channel 1"] == 0
    assert row["cell_mean:channel 1"] == 7


def test_the_slides_first_pixel_may_be_a_seed(tmp_path: Path) -> None:
    labels = np.zeros((9, 9), np.int64)
    put_cell(labels, 0, 0, 2)
    (row,) = measure_labels(tmp_path, labels, np.ones((1, 9, 9), np.uint16))
    assert row["id"] == 0
    assert event_flag_names(row["flags"]) == ("touches_image_edge",)


def test_touching_and_large_cells_are_flagged(tmp_path: Path) -> None:
    labels = np.zeros((150, 90), np.int64)
    put_cell(labels, 5, 5, 3)
    put_cell(labels, 5, 11, 3)  # rings of two pixels meet between them
    put_cell(labels, 40, 20, 44)  # 24 um wide, 27 um across as a disc
    put_cell(labels, 100, 50, 20)
    rows = measure_labels(tmp_path, labels, np.ones((1, 150, 90), np.uint16))
    assert [event_flag_names(row["flags"]) for row in rows] == [
        ("touches_neighbour",),
        ("touches_neighbour",),
        ("caml_like",),
        (),
    ]


def test_a_slide_without_nuclei_has_a_table_without_rows(tmp_path: Path) -> None:
    rows = measure_labels(tmp_path, np.zeros((30, 30), np.int64), np.ones((2, 30, 30), np.uint16))
    assert rows == []


def test_labels_of_another_slide_are_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tif", np.ones((2, 30, 30), np.uint16))
    write_labels(tmp_path / "labels.tif", (30, 31), iter([np.zeros((30, 31), np.int64)]))
    with (
        open_slide(path) as slide,
        Labels(tmp_path / "labels.tif") as labels,
        pytest.raises(ChcError, match="30 x 31 px do not fit"),
    ):
        measure_cells(slide, labels, channels=("channel 1",), output=tmp_path / "m.parquet")


def test_the_document_names_every_column(repository: Path) -> None:
    text = (repository / "docs" / "measurements.md").read_text("utf-8")
    for column in table_schema(["X"]).names:
        part, _, rest = column.partition("_")
        name = f"PART_{rest}" if part in COMPARTMENTS and ":" in rest else column
        assert f"`{name.replace(':X', ':NAME')}`" in text


def test_background_follows_a_slope_and_ignores_cells(tmp_path: Path) -> None:
    shape = (512, 1024)
    centres = [(60.0 + 90 * i, 70.0 + 120 * j) for i in range(5) for j in range(8)]
    image, truth = draw_discs(shape, centres, radius=9, background=0, noise=0, level=5000)
    slope = np.broadcast_to(500 + np.arange(1024) // 4, shape).astype(np.uint16)
    labels = np.zeros(shape, np.int64)
    for i, (y, x) in enumerate(centres, start=1):
        labels[truth == i] = int(y) * 1024 + int(x) + 1
    rows = measure_labels(tmp_path, labels, (image + slope)[np.newaxis])
    for row in rows:
        # Between the outermost squares' centres the slope is followed.
        if 128 <= row["centroid_x_px"] <= 1024 - 128:
            expected = 500 + row["centroid_x_px"] / 4
            assert row["background:channel 1"] == pytest.approx(expected, abs=2)


def test_where_cells_cover_all_the_darkest_pixels_are_the_background(tmp_path: Path) -> None:
    labels = np.full((20, 20), 1, np.int64)
    image = np.arange(400, dtype=np.uint16).reshape(1, 20, 20)
    (row,) = measure_labels(tmp_path, labels, image)
    assert row["background:channel 1"] == 3  # of 400 pixels 1 % do not exceed it


def test_a_camera_of_twelve_bits_saturates_at_its_own_maximum(tmp_path: Path) -> None:
    labels = np.zeros((60, 60), np.int64)
    put_cell(labels, 10, 10, 6)
    image = np.random.default_rng(0).integers(90, 110, (1, 60, 60)).astype(np.uint16)
    image[0, 10:14, 10:16] = 4095
    (row,) = measure_labels(tmp_path, labels, image)
    assert row["nucleus_saturated_px:channel 1"] == 24


def test_a_brighter_pixel_anywhere_means_that_the_camera_had_more_bits(tmp_path: Path) -> None:
    shape = (2048, 2048)
    labels = np.zeros(shape, np.int64)
    put_cell(labels, 10, 10, 6)
    image = np.full((1, *shape), 100, np.uint16)
    image[0, 10:14, 10:16] = 4095
    boxes = np.zeros(shape, np.bool_)
    for box in spread_boxes(shape, count=16, side=256):
        boxes[box.slices] = True
    y, x = (int(i[-1]) for i in np.nonzero(~boxes))
    image[0, y, x] = 5000  # where the sample does not look
    (row,) = measure_labels(tmp_path, labels, image)
    assert row["nucleus_saturated_px:channel 1"] == 0
