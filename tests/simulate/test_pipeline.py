"""The counts of the pipeline against the oracle, on small files of the demo's kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.simulate.truth import TruthRow, read_truth_cells
from chc_gating.stages.gate_flow import gate_flow
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.simulate import simulate
from chc_gating.storage.records import read_record

RECIPE = """
seed: 5
panels: {config}/panels
gates: {config}/gates
acquisitions:
  T1: {{modality: flow, file: t1.fcs, patient: P1, panel: chc4, gates: chc, events: 30000,
       planted: {{CHC_EPCAM: 9, CHC_CK: 8, CTC_CK: 7, dim_hybrid: 60, dead_tumour: 30,
                 hybrid_like_doublet: 90, nonfinite: 5}}}}
  T2: {{modality: flow, file: t2.fcs, patient: P2, panel: chc4, gates: chc, events: 20000,
       bead_population: beads, composition: {{granulocyte: 0.8, bead: 0.2}},
       planted: {{CHC_EPCAM_CK: 4}}}}
  T3: {{modality: flow, file: t3.fcs, patient: P2, panel: chc4, gates: chc, events: 2000,
       truncate_at: 0.4}}
  S1: {{modality: image, file: s1.ome.tif, patient: P2, panel: if4, gates: chc-slide,
       width_px: 512, height_px: 480, planted: {{CHC_CK: 2}}}}
"""


@pytest.fixture(scope="module")
def simulated(
    tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> tuple[Path, dict[str, list[TruthRow]]]:
    folder = tmp_path_factory.mktemp("simulated")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(config=repository / "config"), encoding="utf-8")
    rows: dict[str, list[TruthRow]] = {}
    for row in simulate(recipe, output=folder / "demo"):
        rows.setdefault(row.acquisition, []).append(row)
    return folder / "demo", rows


@pytest.mark.parametrize(("name", "beads"), [("T1", None), ("T2", "beads")])
def test_gate_flow_counts_what_the_oracle_counts(
    simulated: tuple[Path, dict[str, list[TruthRow]]],
    tmp_path: Path,
    repository: Path,
    name: str,
    beads: str | None,
) -> None:
    demo, rows = simulated
    gate_flow(
        demo / f"{name.lower()}.fcs",
        panel=repository / "config" / "panels" / "chc4.yaml",
        gates=repository / "config" / "gates" / "chc.yaml",
        output=tmp_path / name,
        bead_population=beads,
    )
    result = read_record(tmp_path / name / "populations.json", AcquisitionResult)
    counted = {p.name: (p.events, p.low_cut, p.high_cut) for p in result.phenotypes}
    expected = {
        row.phenotype: (row.passes, row.low_cut, row.high_cut)
        for row in rows[name]
        if row.passes is not None
    }
    assert counted == expected
    assert counted["CHC"][0] > 0
    assert result.repairs == ()


def test_a_slide_measured_on_true_outlines_counts_what_the_oracle_counts(
    simulated: tuple[Path, dict[str, list[TruthRow]]], tmp_path: Path, repository: Path
) -> None:
    demo, rows = simulated
    panel = repository / "config" / "panels" / "if4.yaml"
    slide = demo / "s1.ome.tif"
    measure(slide, panel=panel, labels=demo / "true-outlines" / "S1", output=tmp_path)
    gates = repository / "config" / "gates" / "chc-slide.yaml"
    gate_image(tmp_path, slide=slide, panel=panel, gates=gates, output=tmp_path)
    result = read_record(tmp_path / "populations.json", AcquisitionResult)
    counted = {p.name: (p.events, p.low_cut, p.high_cut) for p in result.phenotypes}
    expected = {
        row.phenotype: (row.passes, row.low_cut, row.high_cut)
        for row in rows["S1"]
        if row.passes is not None
    }
    assert counted == expected
    assert counted["CHC_CK"][0] == 2
    assert counted["leukocyte"][0] > 50


def test_a_recipe_gives_the_same_bytes_again(
    simulated: tuple[Path, dict[str, list[TruthRow]]], tmp_path: Path
) -> None:
    demo, _ = simulated
    simulate(demo.parent / "recipe.yaml", output=tmp_path / "again")
    names = sorted(p.relative_to(demo) for p in demo.rglob("*") if p.suffix != ".json")
    assert [p.name for p in names if p.suffix] == [
        "s1.ome.tif",
        "t1.fcs",
        "t2.fcs",
        "t3.fcs",
        "labels.tif",
        "truth.tsv",
        "truth_cells.tsv",
    ]
    for name in names:
        if (demo / name).is_file():
            assert (demo / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_truth_holds_the_position_of_every_candidate_of_a_slide(
    simulated: tuple[Path, dict[str, list[TruthRow]]],
) -> None:
    demo, rows = simulated
    cells = read_truth_cells(demo / "truth_cells.tsv")
    assert [(cell.acquisition, cell.phenotype) for cell in cells] == [("S1", "CHC_CK")] * 2
    passes = {row.phenotype: row.passes for row in rows["S1"]}
    assert passes["CHC_CK"] == 2
    assert all(0 < cell.centroid_y_px < 480 and 0 < cell.centroid_x_px < 512 for cell in cells)


def test_a_broken_file_has_planted_numbers_and_no_count(
    simulated: tuple[Path, dict[str, list[TruthRow]]],
) -> None:
    _, rows = simulated
    assert {row.passes for row in rows["T3"]} == {None}
    leukocytes = next(row for row in rows["T3"] if row.phenotype == "leukocyte")
    assert leukocytes.planted is not None
    assert 0 < leukocytes.planted < 2000


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("panel: if4, gates: chc-slide", "panel: chc4, gates: chc", "S1: a file of modality image"),
        ("bead_population: beads", "bead_population: beats", "bead_population beats is not"),
        ("panel: chc4", "panel: chc5", "chc5.yaml: no such file"),
    ],
)
def test_a_recipe_that_does_not_fit_its_rules_writes_nothing(
    tmp_path: Path, repository: Path, old: str, new: str, fault: str
) -> None:
    recipe = tmp_path / "recipe.yaml"
    text = RECIPE.format(config=repository / "config").replace(old, new)
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(ChcError, match=fault):
        simulate(recipe, output=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_a_panel_with_a_channel_that_is_not_simulated_is_refused(tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "gates").mkdir()
    panel = "channels:\n  PE-A: {marker: EPCAM, role: epithelial}\n  PE-Cy7-A: {role: other}\n"
    (tmp_path / "panels" / "chc4.yaml").write_text(panel)
    (tmp_path / "gates" / "chc.yaml").write_text("populations: {}\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "seed: 1\nacquisitions:\n  A1: {modality: flow, file: a.fcs, patient: P1, "
        "panel: chc4, gates: chc, events: 10}\n"
    )
    with pytest.raises(ChcError, match="A1: panel chc4 needs PE-Cy7-A; simulated channels are"):
        simulate(recipe, output=tmp_path / "demo")
