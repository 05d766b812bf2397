"""The stage gate-image: what the front end knows of a cell reaches flags, counts and quality."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from chc_gating.errors import ChcError
from chc_gating.imaging.crops import CropStack
from chc_gating.model.acquisition import AcquisitionQuality, AcquisitionResult
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table
from tests.imaging.image_scenes import write_tiff

PANEL = """\
modality: image
channel_names: [DAPI, CD45, CK, spare]
channels:
  DAPI: {role: dna, marker: DNA}
  CD45: {marker: CD45, role: leukocyte}
  CK: {marker: CK, role: epithelial}
  spare: {marker: spare, role: other}
"""
GATES = """\
cuts: {CD45: {fixed: 1000}, CK: {fixed: 1000}}
phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}
"""
TOP = 65535


def draw_cell(image: np.ndarray, y: int, x: int, levels: tuple[int, int, int, int]) -> None:
    """A round nucleus of 18 px with a cytoplasm of 26 px; levels of DAPI, CD45, CK, spare."""
    yy, xx = np.ogrid[: image.shape[1], : image.shape[2]]
    distance = np.hypot(yy - y, xx - x)
    for channel, level in enumerate(levels):
        image[channel][distance < (9 if channel == 0 else 13)] += level


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three CHC and a leukocyte, measured: one CHC is saturated in CK, one in `spare` only."""
    image = np.full((4, 200, 200), 100, dtype=np.int64)
    draw_cell(image, 50, 50, (8000, 5000, 5000, 0))
    draw_cell(image, 50, 150, (8000, 5000, TOP, 0))
    draw_cell(image, 150, 50, (8000, 5000, 5000, TOP))
    draw_cell(image, 150, 150, (TOP, 5000, 0, 0))
    (tmp_path / "panel.yaml").write_text(PANEL)
    (tmp_path / "gates.yaml").write_text(GATES)
    write_tiff(tmp_path / "slide.tif", np.minimum(image, TOP).astype(np.uint16))
    segment(tmp_path / "slide.tif", panel=tmp_path / "panel.yaml", output=tmp_path / "out")
    return tmp_path


def run_stages(folder: Path, *, gate_panel: str = "panel.yaml") -> Path:
    out = folder / "out"
    measure(folder / "slide.tif", panel=folder / "panel.yaml", labels=out, output=out)
    gate_image(
        out,
        slide=folder / "slide.tif",
        panel=folder / gate_panel,
        gates=folder / "gates.yaml",
        output=out,
    )
    return out


def test_a_saturated_marker_is_flagged_and_left_out_of_the_clean_count(folder: Path) -> None:
    result = read_record(run_stages(folder) / "populations.json", AcquisitionResult)
    counts = {p.name: (p.events, p.without_saturated) for p in result.phenotypes}
    assert counts["CHC"] == (3, 2)
    assert counts["leukocyte"] == (1, 1)
    assert result.flags["saturated"] == 1
    assert result.candidate_flags["saturated"] == 1
    assert result.candidate_flags["touches_neighbour"] == 0


def test_saturated_cells_of_every_channel_stand_in_the_quality(folder: Path) -> None:
    quality = read_record(run_stages(folder) / "quality.json", AcquisitionQuality)
    found = {q.channel: (q.saturated, q.at_lower_margin) for q in quality.channels}
    assert found == {"DAPI": (1, None), "CD45": (0, None), "CK": (1, None), "spare": (1, None)}


def test_the_panel_that_was_gated_with_is_the_one_recorded(folder: Path) -> None:
    (folder / "other.yaml").write_text(f"# another file\n{PANEL}")
    out = run_stages(folder, gate_panel="other.yaml")
    result = read_record(out / "populations.json", AcquisitionResult)
    assert [f.path for f in result.inputs if f.role == "panel"] == [str(folder / "other.yaml")]


def test_every_cell_has_a_class_and_every_candidate_a_crop(folder: Path) -> None:
    out = run_stages(folder)
    assert read_table(out / "cells.parquet")["phenotype"].to_pylist() == [
        "CHC_CK",
        "CHC_CK",
        "CHC_CK",
        "leukocyte",
    ]
    # Three candidates, and the one leukocyte there is as a control.
    assert tifffile.imread(out / "crops.tif").shape[:2] == (4, 4)
    stack = read_record(out / "crops.json", CropStack)
    assert (len(stack.candidates), stack.control_phenotypes) == (3, ("leukocyte",))
    assert stack.has_outlines
    outlines = tifffile.imread(out / "outlines.tif")
    half = stack.size_px // 2
    assert (outlines[:, half, half] == 1).all()


IN_PROCESS = """
import sys
from pathlib import Path
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
slide, panel, gates, out = map(Path, sys.argv[1:])
segment(slide, panel=panel, output=out)
measure(slide, panel=panel, labels=out, output=out)
gate_image(out, slide=slide, panel=panel, gates=gates, output=out)
sys.exit("numba" in sys.modules)
"""


def test_once_compiled_a_slide_is_read_to_its_counts_without_numba(folder: Path) -> None:
    watershed = "segmentation: {method: watershed}\n"
    (folder / "panel.yaml").write_text(PANEL + watershed)
    files = [folder / name for name in ("slide.tif", "panel.yaml", "gates.yaml", "again")]
    command = [sys.executable, "-c", IN_PROCESS, *map(str, files)]
    subprocess.run(command, check=False)  # compiles what no test compiled before
    assert subprocess.run(command, check=False).returncode == 0


def test_damaged_measurements_are_refused(folder: Path) -> None:
    out = run_stages(folder)
    (out / "measurements.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(ChcError, match="damaged or no Parquet file"):
        gate_image(
            out,
            slide=folder / "slide.tif",
            panel=folder / "panel.yaml",
            gates=folder / "gates.yaml",
            output=folder / "again",
        )
    assert not any((folder / "again").glob("*"))
