"""How cells are grouped, shared out and looked at changes no byte of what is found on a slide."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
from test_slide_quality import PANEL, draw_slide

from chc_gating.gating import background_cuts
from chc_gating.imaging import explanations, overview
from chc_gating.stages.cells_table import cells_schema
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.tables import read_table, write_table
from tests.imaging.image_scenes import write_tiff

GATES = """\
cuts: {CD45: {fixed: 700}, CK: {background: {k_sd: 6}}}
phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}
"""


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 800 cells, a tenth of them CHC, a quarter out of focus."""
    folder = tmp_path_factory.mktemp("slide")
    write_tiff(folder / "slide.tif", draw_slide())
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    out = folder / "out"
    segment(folder / "slide.tif", panel=folder / "panel.yaml", output=out)
    measure(folder / "slide.tif", panel=folder / "panel.yaml", labels=out, output=out)
    return folder


def gate(slide: Path, measured: Path, output: Path, *, threads: int) -> dict[str, bytes]:
    gate_image(
        measured,
        slide=slide / "slide.tif",
        panel=slide / "panel.yaml",
        gates=slide / "gates.yaml",
        output=output,
        threads=threads,
    )
    return {path.name: path.read_bytes() for path in output.iterdir()}


@pytest.mark.parametrize(("rows", "stretch", "threads"), [(50, 7, 3), (7, 1, 2), (801, 1000, 2)])
def test_groups_stretches_and_threads_change_no_byte(
    slide: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    stretch: int,
    threads: int,
) -> None:
    """Groups of rows, candidates at a time; cuts are found from every so many-th cell."""
    monkeypatch.setattr(background_cuts, "SAMPLED_CELLS", 150)
    monkeypatch.setattr(overview, "READ_WHOLE_PX", 100)
    expected = gate(slide, slide / "out", tmp_path / "expected", threads=1)
    monkeypatch.setattr(explanations, "STRETCH", stretch)
    again = tmp_path / "measured"
    shutil.copytree(slide / "out", again)
    table = read_table(again / "measurements.parquet")
    assert len(read_table(tmp_path / "expected" / "candidates.parquet")) > 20
    pyarrow.parquet.write_table(table, again / "measurements.parquet", row_group_size=rows)
    assert gate(slide, again, tmp_path / "again", threads=threads) == expected


def test_a_slide_without_cells_has_tables_without_rows(slide: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(GATES.replace("background: {k_sd: 6}", "fixed: 700"))
    for name in ("slide.tif", "panel.yaml"):
        (tmp_path / name).symlink_to(slide / name)
    shutil.copytree(slide / "out", tmp_path / "out")
    path = tmp_path / "out" / "measurements.parquet"
    pyarrow.parquet.write_table(read_table(path).slice(0, 0), path)
    gate(tmp_path, tmp_path / "out", tmp_path / "gated", threads=2)
    write_table(tmp_path / "expected.parquet", cells_schema().empty_table())
    found = (tmp_path / "gated" / "cells.parquet").read_bytes()
    assert found == (tmp_path / "expected.parquet").read_bytes()
    assert len(read_table(tmp_path / "gated" / "candidates.parquet")) == 0
