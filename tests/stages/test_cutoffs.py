"""Cuts from control slides, from pixels to cutoffs.json, populations.json and the page's words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.counting.control_tails import find_control_depth, find_false_events_upper
from chc_gating.errors import ChcError, ConfigError, RawFileError
from chc_gating.imaging.cell_groups import open_cells
from chc_gating.imaging.cells import cell_stream
from chc_gating.model.acquisition import AcquisitionResult, AppliedCut
from chc_gating.model.cutoffs import Cutoffs
from chc_gating.reporting.explanations import describe_cut_source
from chc_gating.stages.cutoffs import ControlSource, cutoffs
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record
from tests.imaging.image_scenes import draw_cell_grid, write_tiff

PANEL = """\
modality: image
channel_names: [DAPI, CD45, CK]
spillover: controls
segmentation: {method: watershed}
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  CK: {marker: CK, role: epithelial}
"""
GATES = """\
populations: {bright: {rectangle: {DAPI: [1000, null]}}}
phenotype: bright
cuts: {CD45: {fixed: 700}, CK: {fmo: {quantile: 0.99, plus_sd: 2}}}
phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}
"""
SPILL = 0.1
HYBRIDS = (17, 40, 101)


def write_slide(path: Path, *, seed: int, hybrids: tuple[int, ...] = ()) -> None:
    """Write 144 leukocytes, of which a tenth of CD45's light is seen in CK; every 9th is dim."""
    rng = np.random.default_rng(seed)
    cells = []
    for i in range(144):
        cd45, ck = rng.uniform(1500, 2500), rng.normal(60, 15) + 3000 * (i in hybrids)
        dna = 1200 if i % 9 == 0 else 6000
        cells.append((dna, cd45, ck + SPILL * cd45 + 500 * (i % 9 == 0)))
    write_tiff(path, draw_cell_grid(cells, rng))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample and two controls without CK, measured; and the spillover of the panel."""
    folder = tmp_path_factory.mktemp("cutoffs")
    (folder / "panel.yaml").write_text(PANEL)
    (folder / "gates.yaml").write_text(GATES)
    matrix = [[1, SPILL], [0, 1]]
    spillover = {"source": "test", "channels": ["CD45", "CK"], "matrix": matrix}
    record = {
        "schema": "chc_gating/spillover/1",
        "software_version": "0",
        "inputs": [],
        "panel": "panel",
        "spillover": {**spillover, "condition_number": 1.1},
    }
    (folder / "spillover.json").write_text(json.dumps(record))
    for seed, name in enumerate(("sample", "fmo", "fmo2")):
        write_slide(folder / f"{name}.tif", seed=seed, hybrids=HYBRIDS if seed == 0 else ())
        out = folder / name
        segment(folder / f"{name}.tif", panel=folder / "panel.yaml", output=out)
        measure(folder / f"{name}.tif", panel=folder / "panel.yaml", labels=out, output=out)
    return folder


def take(
    folder: Path, output: Path, *names: str, gates: str = "", min_events: int = 50, **more: bool
) -> Cutoffs:
    """Take the cuts of the gates from FMO controls of CK."""
    path = output / "gates.yaml"
    path.write_text(gates or GATES)
    cutoffs(
        [ControlSource("fmo", "CK", folder / name) for name in names],
        panel=folder / "panel.yaml",
        gates=path,
        output=output / "cutoffs.json",
        spillover=folder / "spillover.json",
        min_events=min_events,
        **more,
    )
    return read_record(output / "cutoffs.json", Cutoffs)


def read_values(folder: Path, *names: str) -> np.ndarray:
    """Return compensated CK of the cells inside `bright`, by numpy."""
    panel = load_panel(folder / "panel.yaml")
    rows = np.concatenate(
        [
            batch
            for name in names
            for batch in cell_stream(
                open_cells(folder / name / "measurements.parquet"), panel
            ).batches(1 << 20)
        ]
    )
    return (rows[:, 2] - SPILL * rows[:, 1])[rows[:, 0] >= 1000]


def apply(
    folder: Path, output: Path, *, threads: int = 1, record_faults: bool = False
) -> AcquisitionResult:
    gate_image(
        folder / "sample",
        slide=folder / "sample.tif",
        panel=folder / "panel.yaml",
        gates=output / "gates.yaml",
        output=output / "gated",
        spillover=folder / "spillover.json",
        cutoffs=output / "cutoffs.json",
        threads=threads,
        record_faults=record_faults,
    )
    return read_record(output / "gated" / "populations.json", AcquisitionResult)


def test_the_cut_is_numpys_quantile_and_deviation(folder: Path, tmp_path: Path) -> None:
    record = take(folder, tmp_path, "fmo", "fmo2")
    values = read_values(folder, "fmo", "fmo2")
    assert 200 < len(values) < 288  # dim nuclei are outside the phenotype population
    (cut,) = record.cuts
    sd = 1.4826 * np.median(np.abs(values - np.median(values)))
    assert cut.control is not None
    assert cut.control.events == len(values)
    assert cut.control.level == pytest.approx(np.median(values), rel=1e-12)
    assert cut.control.sd == pytest.approx(sd, rel=1e-12)
    assert cut.low == cut.high == pytest.approx(np.quantile(values, 0.99) + 2 * sd, rel=1e-12)
    assert cut.control.events_at_or_above == np.count_nonzero(values >= cut.high)
    assert (cut.source, record.status) == ("fmo control", "counted")
    raw = [file for file in record.inputs if file.role == "fmo CK"]
    assert [file.path for file in raw] == [str(folder / "fmo.tif"), str(folder / "fmo2.tif")]
    assert all(file.sha256 for file in raw)


def test_the_order_of_controls_changes_no_number(folder: Path, tmp_path: Path) -> None:
    one = take(folder, tmp_path, "fmo", "fmo2").cuts[0]
    other = take(folder, tmp_path, "fmo2", "fmo").cuts[0]
    assert one.control is not None
    assert other.control is not None
    assert one.control.model_copy(update={"files": ()}) == other.control.model_copy(
        update={"files": ()}
    )
    assert (one.low, one.high) == (other.low, other.high)


def test_a_draw_is_counted_by_the_cut_of_its_control(folder: Path, tmp_path: Path) -> None:
    record = take(folder, tmp_path, "fmo")
    result = apply(folder, tmp_path)
    counts = {p.name: p for p in result.phenotypes}
    bright = next(p.events for p in result.populations if p.name == "bright")
    assert (counts["CHC"].events, counts["leukocyte"].events) == (3, bright - 3)
    cut = next(cut for cut in result.cuts if cut.marker == "CK")
    assert (cut.low, cut.high) == (record.cuts[0].low, record.cuts[0].high)
    control = cut.control
    assert control is not None
    assert control.sample_events == bright
    assert control.expected_false == pytest.approx(0.01 * bright)
    assert control.false_upper95 == pytest.approx(
        find_false_events_upper(control.events_at_or_above, control.events, bright)
    )
    assert control.events_needed == find_control_depth(bright, 1) == 3 * bright
    assert {"false_events_expected", "control_too_shallow"} <= set(result.draw_flags)
    assert any(file.role == "cutoffs" and file.sha256 for file in result.inputs)
    words = describe_cut_source(cut)
    assert words.startswith(f"fmo control {folder / 'fmo.tif'}: 0.99 quantile (")
    assert "plus 2 robust SD" in words
    assert "MORE THAN 1 FALSE EVENT" in words
    assert words.endswith(f"too shallow: {3 * bright:,} events would show at most 1")


def test_moved_cuts_move_the_cut_of_a_control(folder: Path, tmp_path: Path) -> None:
    take(folder, tmp_path, "fmo", gates=GATES.replace("0.99, plus_sd: 2", "0.9"))
    result = apply(folder, tmp_path)
    cut = next(cut for cut in result.cuts if cut.marker == "CK")
    values = read_values(folder, "sample")
    found = {p.name: p for p in result.phenotypes}
    assert found["CHC"].high_cut < found["CHC"].events < found["CHC"].low_cut
    for times, name in ((1, "events"), (0.9, "low_cut"), (1.1, "high_cut")):
        assert getattr(found["CHC"], name) == np.count_nonzero(values >= times * cut.high)


def test_threads_change_no_byte(folder: Path, tmp_path: Path) -> None:
    take(folder, tmp_path, "fmo")
    apply(folder, tmp_path)
    once = (tmp_path / "gated" / "populations.json").read_bytes()
    apply(folder, tmp_path, threads=2)
    assert (tmp_path / "gated" / "populations.json").read_bytes() == once


def test_a_band_is_in_multiples_of_the_cut(folder: Path, tmp_path: Path) -> None:
    bare = take(folder, tmp_path, "fmo").cuts[0]
    banded = GATES.replace("plus_sd: 2", "plus_sd: 2, band: [0.8, 1.5]")
    cut = take(folder, tmp_path, "fmo", gates=banded).cuts[0]
    assert (cut.low, cut.high) == (pytest.approx(0.8 * bare.low), pytest.approx(1.5 * bare.low))


def test_one_unstained_slide_gives_the_cuts_of_all_markers(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(
        GATES.replace("CD45: {fixed: 700}", "CD45: {unstained: {quantile: 0.5}}").replace(
            "fmo:", "unstained:"
        )
    )
    cutoffs(
        [ControlSource("unstained", None, folder / "fmo")],
        panel=folder / "panel.yaml",
        gates=tmp_path / "gates.yaml",
        output=tmp_path / "c.json",
        spillover=folder / "spillover.json",
        min_events=50,
    )
    cuts = {cut.marker: cut for cut in read_record(tmp_path / "c.json", Cutoffs).cuts}
    assert set(cuts) == {"CD45", "CK"}
    assert 1000 < cuts["CD45"].low < 2500


def test_an_isotype_control_of_the_marker_goes_before_one_of_all(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "gates.yaml").write_text(GATES.replace("fmo:", "isotype:"))

    def taken_from(*controls: ControlSource) -> tuple[str, ...]:
        cutoffs(
            controls,
            panel=folder / "panel.yaml",
            gates=tmp_path / "gates.yaml",
            output=tmp_path / "c.json",
            spillover=folder / "spillover.json",
            min_events=50,
        )
        control = read_record(tmp_path / "c.json", Cutoffs).cuts[0].control
        assert control is not None
        return control.files

    of_all = ControlSource("isotype", None, folder / "fmo2")
    of_ck = ControlSource("isotype", "CK", folder / "fmo")
    assert taken_from(of_all) == (str(folder / "fmo2.tif"),)
    assert taken_from(of_all, of_ck) == (str(folder / "fmo.tif"),)


def test_too_shallow_a_control_leaves_its_draws_not_counted(folder: Path, tmp_path: Path) -> None:
    problem = r"the fmo control of CK, .*fmo\.tif, has 1\d\d events of population bright, fewer"
    with pytest.raises(RawFileError, match=problem):
        take(folder, tmp_path, "fmo", min_events=1000)
    assert not (tmp_path / "cutoffs.json").exists()
    record = take(folder, tmp_path, "fmo", min_events=1000, record_faults=True)
    assert (record.status, record.cuts) == ("not_counted", ())
    with pytest.raises(RawFileError, match=problem):
        apply(folder, tmp_path)
    result = apply(folder, tmp_path, record_faults=True)
    assert (result.status, result.reason) == ("not_counted", record.reason)


def test_a_control_that_was_not_measured_is_named(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "gone"
    raw, panel = tmp_path / "gone.tif", folder / "panel.yaml"
    segment(raw, panel=panel, output=out, record_faults=True)
    measure(raw, panel=panel, labels=out, output=out, record_faults=True)
    with pytest.raises(RawFileError, match=r"gone\.tif: no such file"):
        cutoffs(
            [ControlSource("fmo", "CK", out)],
            panel=panel,
            gates=folder / "gates.yaml",
            output=tmp_path / "c.json",
            spillover=folder / "spillover.json",
        )
    assert not (tmp_path / "c.json").exists()


def test_what_the_gates_do_not_ask_for_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ChcError, match="take no cut from the unstained control"):
        cutoffs(
            [ControlSource("unstained", None, folder / "fmo")],
            panel=folder / "panel.yaml",
            gates=folder / "gates.yaml",
            output=tmp_path / "c.json",
        )
    fixed = GATES.replace("{fmo: {quantile: 0.99, plus_sd: 2}}", "{fixed: 500}")
    with pytest.raises(ChcError, match="no cut is taken from a control"):
        take(folder, tmp_path, "fmo", gates=fixed)
    with pytest.raises(RawFileError, match="the cut of CK from the fmo control, and this control"):
        take(folder, tmp_path)


def test_cutoffs_of_another_rule_are_refused(folder: Path, tmp_path: Path) -> None:
    take(folder, tmp_path, "fmo")
    for old, new in (("0.99", "0.98"), ("plus_sd: 2", "plus_sd: 2, band: [0.9, 1.1]")):
        (tmp_path / "gates.yaml").write_text(GATES.replace(old, new))
        with pytest.raises(ChcError, match="has no cut of CK by the rule"):
            apply(folder, tmp_path)


def test_gates_that_ask_for_a_control_need_its_cutoffs(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ChcError, match=r"cuts of CK are taken from controls; run chc cutoffs"):
        gate_image(
            folder / "sample",
            slide=folder / "sample.tif",
            panel=folder / "panel.yaml",
            gates=folder / "gates.yaml",
            output=tmp_path / "gated",
            spillover=folder / "spillover.json",
        )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "{rectangle: {DAPI: [1000, null]}}",
            "{when: CK-}",
            "cuts.CK.fmo: is found among the events of bright, which population bright decides",
        ),
        ("plus_sd: 2}", "plus_sd: 2}, indeterminate: [1, 2]", "takes its band as multiples: fmo"),
        ("plus_sd: 2", "band: [1.2, 1.4]", "band must be"),
        ("quantile: 0.99", "quantile: 1", "cuts.CK.fmo.quantile"),
    ],
)
def test_a_cut_that_no_control_can_give_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in GATES
    (tmp_path / "gates.yaml").write_text(GATES.replace(old, new))
    (tmp_path / "panel.yaml").write_text(PANEL)
    with pytest.raises(ConfigError, match=problem):
        load_gates(tmp_path / "gates.yaml", panel=load_panel(tmp_path / "panel.yaml"))


def test_panels_whose_nuclei_come_from_elsewhere_have_no_such_cuts(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(GATES)
    (tmp_path / "panel.yaml").write_text(PANEL.replace("watershed", "labels"))
    with pytest.raises(ConfigError, match="nuclei of a control slide are found by this program"):
        load_gates(tmp_path / "gates.yaml", panel=load_panel(tmp_path / "panel.yaml"))


def test_a_cut_below_zero_keeps_its_band_the_right_way_round(folder: Path, tmp_path: Path) -> None:
    low = GATES.replace("quantile: 0.99, plus_sd: 2", "quantile: 0.001, band: [0.5, 2]")
    rule = load_gates(_write(tmp_path / "low.yaml", low)).cuts["CK"].of_control
    assert rule.edges(-10) == (-20, -5)
    assert rule.edges(10) == (5, 20)


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_words_of_a_cut_without_a_sample_hold_no_expectation(
    folder: Path, tmp_path: Path
) -> None:
    cut: AppliedCut = take(folder, tmp_path, "fmo").cuts[0]
    assert describe_cut_source(cut).endswith("at or above the cut")
