"""Label images of other tools: taken under our ids, mended with a note, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_scenes import PANEL, draw_discs, scatter_nuclei, write_panel, write_tiff
from numpy.typing import NDArray

from chc_gating.errors import ConfigError, RawFileError
from chc_gating.imaging.blocks import BLOCK_PX, Box, grid_blocks
from chc_gating.imaging.given_nuclei import GivenNuclei
from chc_gating.imaging.labels import Labels
from chc_gating.imaging.records import Segmentation
from chc_gating.kernels import pieces
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record

BY_LABELS = PANEL + "segmentation: {method: labels}\n"


def adopt(
    folder: Path,
    labels: NDArray[np.generic],
    *,
    shape: tuple[int, int] | None = None,
    **how: object,
) -> tuple[NDArray[np.int64], Segmentation]:
    """Return labels.tif and segmentation.json of a dark slide with these labels."""
    shape = labels.shape[-2:] if shape is None else shape
    slide = write_tiff(folder / "slide.tif", np.zeros((3, *shape), np.uint16))
    given = folder / "given.tif"
    tifffile.imwrite(given, labels, photometric="minisblack", **how)
    segment(slide, panel=write_panel(folder, BY_LABELS), output=folder / "out", labels_from=given)
    with Labels(folder / "out" / "labels.tif") as file:
        found = file.read(Box(0, shape[0], 0, shape[1]))
    return found, read_record(folder / "out" / "segmentation.json", Segmentation)


def seed_of_each(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return 1 + the first pixel of each label in raster order, per pixel."""
    flat = labels.ravel().astype(np.int64)
    values, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    return np.where(values == 0, 0, first + 1)[inverse].reshape(labels.shape)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4", ">u2", "u8"])
@pytest.mark.parametrize("how", [{}, {"tile": (64, 64), "compression": "zlib"}])
def test_labels_of_every_type_keep_their_shapes(
    tmp_path: Path, dtype: str, how: dict[str, object]
) -> None:
    _, truth = draw_discs((150, 170), [(40, 40), (100, 110), (5, 160)], radius=9)
    found, record = adopt(tmp_path, truth.astype(dtype), **how)
    np.testing.assert_array_equal(found, seed_of_each(truth))
    assert record.slide is not None
    assert (record.slide.nuclei, record.repairs) == (3, ())
    assert record.parameters["method"] == "labels"
    assert record.inputs[2].role == "labels"
    assert record.inputs[2].sha256 is not None


def test_more_labels_than_sixteen_bits_hold_are_all_taken(tmp_path: Path) -> None:
    side, step = 1300, 5
    truth = np.zeros((side, side), np.uint32)
    count = (side // step) ** 2
    tops = np.arange(count, dtype=np.uint32).reshape(side // step, -1) + 1
    for dy in range(3):
        for dx in range(3):
            truth[1 + dy :: step, 1 + dx :: step] = tops
    found, record = adopt(tmp_path, truth, compression="zlib", tile=(256, 256))
    assert count > 65_535
    assert record.slide is not None
    assert record.slide.nuclei == count
    np.testing.assert_array_equal(found, seed_of_each(truth))


def test_an_adopted_nucleus_on_a_seam_is_one_and_is_measured(tmp_path: Path) -> None:
    edge = BLOCK_PX
    truth = np.zeros((edge + 300, edge + 280), np.int32)
    truth[edge - 30 : edge + 20, edge - 10 : edge + 40] = 7
    found, record = adopt(tmp_path, truth)
    np.testing.assert_array_equal(found, seed_of_each(truth))
    assert record.slide is not None
    assert record.slide.nuclei == 1
    out = tmp_path / "out"
    measure(tmp_path / "slide.tif", panel=tmp_path / "slide3.yaml", labels=out, output=out)


def test_pieces_of_a_label_are_nuclei_and_its_crumbs_are_left_out(tmp_path: Path) -> None:
    truth = np.zeros((200, 200), np.uint16)
    truth[20:40, 20:40] = 5
    truth[20:40, 50:70] = 5  # a second piece, near
    truth[150:170, 150:170] = 5  # a third, in another tile of the tool
    truth[44, 30] = 5  # a crumb
    truth[100:102, 100:102] = 6  # small, and whole
    found, record = adopt(tmp_path, truth)
    assert np.unique(found[truth == 5]).size == 4
    assert found[44, 30] == 0
    assert (found[100:102, 100:102] == 100 * 200 + 100 + 1).all()
    assert record.slide is not None
    assert record.slide.nuclei == 4
    pieces_note, crumbs_note = record.repairs
    assert "; 1 have another one of their label near" in pieces_note
    assert "less than 31 px" in crumbs_note
    assert crumbs_note.endswith("there were 1")


WRONG = [
    (np.zeros((50, 60), np.float32), "pixels of type float32; labels are whole numbers"),
    (np.zeros((40, 60), np.uint16), "40 x 60 px do not fit the slide of 50 x 60 px"),
    (np.zeros((2, 50, 60), np.uint16), "several planes"),
    (np.full((50, 60), -1, np.int32), "label -1 at row 0, column 0"),
]


@pytest.mark.parametrize(("labels", "problem"), WRONG)
def test_what_are_no_labels_of_this_slide_is_refused(
    tmp_path: Path, labels: NDArray[np.generic], problem: str
) -> None:
    with pytest.raises(RawFileError, match=problem) as error:
        adopt(tmp_path, labels, shape=(50, 60))
    assert str(error.value).startswith(str(tmp_path / "given.tif"))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "labels.tif").exists()


def test_a_background_that_has_a_label_is_refused(tmp_path: Path) -> None:
    truth = np.ones((700, 700), np.uint16)
    truth[100:120, 100:120] = 2
    with pytest.raises(RawFileError, match="label 1 at row 0, column 0 is more than 600 px high"):
        adopt(tmp_path, truth)


def test_a_missing_label_image_is_refused_or_a_result(tmp_path: Path) -> None:
    slide = write_tiff(tmp_path / "slide.tif", np.zeros((3, 50, 60), np.uint16))
    panel, gone = write_panel(tmp_path, BY_LABELS), tmp_path / "gone.tif"
    with pytest.raises(RawFileError, match="no such label image"):
        segment(slide, panel=panel, output=tmp_path / "out", labels_from=gone)
    segment(slide, panel=panel, output=tmp_path / "out", labels_from=gone, record_faults=True)
    record = read_record(tmp_path / "out" / "segmentation.json", Segmentation)
    assert record.status == "not_counted"


def test_a_cut_short_label_image_is_refused(tmp_path: Path) -> None:
    slide = write_tiff(tmp_path / "slide.tif", np.zeros((3, 500, 600), np.uint16))
    panel, given = write_panel(tmp_path, BY_LABELS), tmp_path / "given.tif"
    for how in ({}, {"tile": (64, 64), "compression": "zlib"}):
        rng = np.random.default_rng(0)
        tifffile.imwrite(given, rng.integers(0, 9, (500, 600)).astype(np.uint32), **how)
        whole = given.read_bytes()
        given.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(RawFileError, match=r"given\.tif"):
            segment(slide, panel=panel, output=tmp_path / "out", labels_from=given)


@pytest.mark.parametrize(
    ("text", "given", "problem"),
    [(BY_LABELS, False, "needs the label image"), (PANEL, True, "takes no label image")],
)
def test_method_and_label_image_go_together(
    tmp_path: Path, text: str, given: bool, problem: str
) -> None:
    slide = write_tiff(tmp_path / "slide.tif", np.zeros((3, 50, 60), np.uint16))
    labels = write_tiff(tmp_path / "given.tif", np.zeros((50, 60), np.uint16))
    with pytest.raises(ConfigError, match=problem):
        segment(
            slide,
            panel=write_panel(tmp_path, text),
            output=tmp_path / "out",
            labels_from=labels if given else None,
            record_faults=True,
        )


def label_slide(labels: NDArray[np.integer], blocks: list[Box]) -> NDArray[np.int64]:
    nuclei = GivenNuclei(Path("x.tif"), width=labels.shape[1], pixel_size_um=1.5, diameter_px=9)
    result = np.empty(labels.shape, np.int64)
    for block in blocks:
        outer = block.grow(nuclei.reach_px, labels.shape)
        result[block.slices] = nuclei.label_block(labels[outer.slices], block, outer=outer)
    return result


def test_blocks_adopt_labels_as_one_block_would() -> None:
    shape = (1150, 1100)
    _, truth = scatter_nuclei(shape, diameter=18, share=0.5, touching=0.7, seed=4)
    rng = np.random.default_rng(2)
    truth %= 300  # labels that come again, so that some are in pieces
    truth[rng.random(shape) < 0.05] = 0  # and in crumbs
    whole = label_slide(truth, [Box(0, shape[0], 0, shape[1])])
    assert np.unique(whole).size > 500
    np.testing.assert_array_equal(label_slide(truth, list(grid_blocks(shape))), whole)
    small = [
        Box(y, y + 270, x, x + 270).clip(shape)
        for y in range(0, shape[0], 270)
        for x in range(0, shape[1], 270)
    ]
    np.testing.assert_array_equal(label_slide(truth, small), whole)


def test_pieces_join_over_corners_and_never_over_other_labels() -> None:
    labels = np.array([[1, 0, 1, 2], [0, 1, 0, 2], [3, 3, 0, 0], [0, 0, 1, 1]], np.int64)
    roots = pieces.find_pieces(labels)
    assert roots.tolist() == [[0, -1, 0, 3], [-1, 0, -1, 3], [8, 8, -1, -1], [-1, -1, 14, 14]]
    found = pieces.measure_pieces(roots, (0, 3, 0, 4))
    assert found.tolist() == [[0, 3, 2, 3], [3, 2, 2, 1], [8, 2, 1, 2]]
    assert pieces.count_others(labels, roots, found, 3).tolist() == [2, 0, 0]
