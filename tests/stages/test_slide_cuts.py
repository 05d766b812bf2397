"""Cuts that are found on a slide, from pixels to populations.json and the page's words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chc_gating.errors import ConfigError, RawFileError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.reporting.explanations import describe_cut_source
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table
from tests.imaging.image_scenes import draw_cell_grid, write_tiff

PANEL = """\
modality: image
channel_names: [DAPI, CD45, CK]
channels:
  DAPI: {role: dna, measure: nucleus}
  CD45: {marker: CD45, role: leukocyte}
  CK: {marker: CK, role: epithelial, positive_times: 1.5}
"""
PHENOTYPES = "phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}\n"
HYBRIDS = (17, 40, 99)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """144 cells on a grid, CD45 of 2,000, CK of about 60, and three whose CK is 3,000."""
    folder = tmp_path_factory.mktemp("slide")
    rng = np.random.default_rng(4)
    cells = [(6000, 2000, 3000 if i in HYBRIDS else rng.normal(60, 15)) for i in range(144)]
    write_tiff(folder / "slide.tif", draw_cell_grid(cells, rng))
    (folder / "panel.yaml").write_text(PANEL)
    out = folder / "out"
    segment(folder / "slide.tif", panel=folder / "panel.yaml", output=out)
    measure(folder / "slide.tif", panel=folder / "panel.yaml", labels=out, output=out)
    return folder


def gate(folder: Path, cuts: str, output: Path, *, panel: str = PANEL) -> AcquisitionResult:
    (output / "gates.yaml").write_text(f"cuts: {{{cuts}}}\n{PHENOTYPES}")
    (output / "panel.yaml").write_text(panel)
    gate_image(
        folder / "out",
        slide=folder / "slide.tif",
        panel=output / "panel.yaml",
        gates=output / "gates.yaml",
        output=output / "result",
    )
    return read_record(output / "result" / "populations.json", AcquisitionResult)


def test_the_slides_own_cut_counts_its_hybrids(measured: Path, tmp_path: Path) -> None:
    result = gate(measured, "CD45: {fixed: 700}, CK: {background: {k_sd: 6}}", tmp_path)
    counts = {p.name: p.events for p in result.phenotypes}
    assert (counts["CHC"], counts["leukocyte"]) == (3, 141)
    cut = next(cut for cut in result.cuts if cut.marker == "CK")
    assert cut.background is not None
    # The cell is nucleus and a ring of 2.5 um; a part of the ring lies beyond the cytoplasm.
    assert 40 < cut.background.level < 65
    assert cut.background.sd == pytest.approx(15, rel=0.35)
    assert cut.high == pytest.approx(cut.background.level + 6 * cut.background.sd)
    assert result.draw_flags == ()
    words = describe_cut_source(cut)
    assert words.startswith("6 SD above the slide's own background: median ")
    assert words.endswith("of 144 cells; 2.1 % of cells positive (a normal tail: 9.9e-08 %)")
    assert result.candidates_per_million_nuclei == pytest.approx(1e6 * 3 / 144)


def test_cells_that_mostly_carry_the_marker_are_flagged(measured: Path, tmp_path: Path) -> None:
    result = gate(measured, "CD45: {background: {k_sd: 3}}, CK: {fixed: 500}", tmp_path)
    assert result.draw_flags == ("majority_not_negative",)
    cut = next(cut for cut in result.cuts if cut.marker == "CD45")
    assert describe_cut_source(cut).endswith("MOST CELLS LOOK POSITIVE: do not trust it")


def test_a_cut_over_pixels_is_from_the_pixels_outside_cells(measured: Path, tmp_path: Path) -> None:
    rule = "CD45: {background: {of: pixels, k_sd: 5, factor: 1.5}}, CK: {fixed: 500}"
    result = gate(measured, rule, tmp_path)
    cut = next(cut for cut in result.cuts if cut.marker == "CD45")
    # 1.5 * (400 + 5 * 20) - 400, from medians of whole grey levels
    assert cut.high == pytest.approx(350, abs=12)
    assert result.draw_flags == ()
    assert {p.name: p.events for p in result.phenotypes}["CHC"] == 3


def test_the_preset_calls_cells_by_their_share_of_positive_pixels(
    measured: Path, tmp_path: Path
) -> None:
    result = gate(measured, "CD45: {fixed: 700}, CK: {preset: helen}", tmp_path)
    cut = next(cut for cut in result.cuts if cut.marker == "CK")
    assert (cut.low, cut.high) == (0.5, 0.5)
    assert {p.name: p.events for p in result.phenotypes}["CHC"] == 3
    shares = read_table(tmp_path / "result" / "candidates.parquet")["compensated:CK"].to_numpy()
    assert ((shares > 0.8) & (shares <= 1)).all()
    assert describe_cut_source(cut).startswith("at least 50 % of its pixels 3 SD above")


def test_a_preset_that_the_pixels_were_not_counted_by_is_refused(
    measured: Path, tmp_path: Path
) -> None:
    panel = PANEL.replace(", positive_times: 1.5", "")
    with pytest.raises(ConfigError, match=r"write positive_times: 1\.5 into the channel CK"):
        gate(measured, "CD45: {fixed: 700}, CK: {preset: helen}", tmp_path, panel=panel)


def test_too_few_cells_for_a_cut_are_a_fault_of_the_slide(measured: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(
        "populations: {bright: {rectangle: {CD45: [90000, null]}}}\nphenotype: bright\n"
        f"cuts: {{CD45: {{fixed: 700}}, CK: {{background: {{k_sd: 3}}}}}}\n{PHENOTYPES}"
    )
    arguments = {
        "slide": measured / "slide.tif",
        "panel": measured / "panel.yaml",
        "gates": tmp_path / "gates.yaml",
        "output": tmp_path / "result",
    }
    with pytest.raises(RawFileError, match="cut of CK: 0 cells, fewer than the 100"):
        gate_image(measured / "out", **arguments)
    gate_image(measured / "out", **arguments, record_faults=True)
    result = read_record(tmp_path / "result" / "populations.json", AcquisitionResult)
    assert result.status == "not_counted"
    assert result.reason is not None
    assert "give a fixed cut" in result.reason


def test_a_cut_of_a_slide_is_refused_for_a_tube(measured: Path, tmp_path: Path) -> None:
    panel = PANEL.replace("modality: image\n", "").replace("channel_names: [DAPI, CD45, CK]\n", "")
    panel = panel.replace(", measure: nucleus", "").replace(", positive_times: 1.5", "")
    with pytest.raises(
        ConfigError, match="is found on slides, and panel panel is of modality flow"
    ):
        gate(measured, "CD45: {fixed: 700}, CK: {background: {}}", tmp_path, panel=panel)


def test_threads_change_no_byte_of_what_is_found(measured: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(
        f"cuts: {{CD45: {{fixed: 700}}, CK: {{background: {{k_sd: 6}}}}}}\n{PHENOTYPES}"
    )
    for threads in (1, 2):
        gate_image(
            measured / "out",
            slide=measured / "slide.tif",
            panel=measured / "panel.yaml",
            gates=tmp_path / "gates.yaml",
            output=tmp_path / str(threads),
            threads=threads,
        )
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert {"candidates.parquet", "crops.tif", "outlines.tif", "overview.tif"} <= set(names)
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name
