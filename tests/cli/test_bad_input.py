"""What is wrong with the user's data or configuration gets one message and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import flowio
import numpy as np
import pytest
import tifffile

from chc_gating.cli.main import run

CHANNELS = ["FSC-A", "FSC-H", "APC-A", "PE-A", "FITC-A", "Time"]
PANEL = """\
spillover: none
channels:
  FSC-A: {role: scatter}
  FSC-H: {role: scatter}
  APC-A: {marker: CD45, role: leukocyte}
  PE-A: {marker: EPCAM, role: epithelial}
  FITC-A: {marker: CK, role: epithelial}
  Time: {role: time}
"""
GATES = """\
populations:
  intact: {rectangle: {FSC-A: [100, null]}}
  singlet: {parent: intact, ratio: {of: [FSC-A, FSC-H], within: [0.5, 2]}}
phenotype: singlet
cuts: {CD45: {fixed: 100}, EPCAM: {fixed: 100}, CK: {fixed: 100}}
phenotypes: {CHC: CD45+ and (EPCAM+ or CK+), CTC: CD45- and (EPCAM+ or CK+)}
"""
SLIDE_PANEL = """\
modality: image
channel_names: [DAPI, CD45, EPCAM, CK]
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  EPCAM: {marker: EPCAM, role: epithelial}
  CK: {marker: CK, role: epithelial}
"""
DRAWS = "draw\tpatient\tcohort\tcollected_on\tvolume_ml\nP1-T1\tP1\tpatient\t2026-01-31\t7.5\n"
ACQUISITIONS = (
    "acquisition\tdraw\tmodality\tfile\tpanel\tgates\tfraction_stained\n"
    "A1\tP1-T1\tflow\ttube.fcs\tpanel\tgates\t0.5\n"
)
CONFIG = "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"


@dataclass(frozen=True)
class Said:
    """How the command ended, what it said on stderr, and what it printed on stdout."""

    code: int
    message: str
    printed: str = field(default="", compare=False)


@pytest.fixture
def chc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run the command in a folder that holds a good tube, panel, gates and batch."""
    monkeypatch.chdir(tmp_path)
    write_tube(tmp_path / "tube.fcs")
    config = tmp_path / "config"
    for folder in ("panels", "gates"):
        (config / folder).mkdir(parents=True)
    (config / "panels" / "panel.yaml").write_text(PANEL)
    (config / "gates" / "gates.yaml").write_text(GATES)
    (config / "config.yaml").write_text(CONFIG)
    (config / "draws.tsv").write_text(DRAWS)
    (config / "acquisitions.tsv").write_text(ACQUISITIONS)

    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["chc", *words])
        code = 0
        try:
            run()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(code, captured.err, captured.out)

    return call


def write_tube(path: Path, channels: list[str] = CHANNELS, **keywords: str) -> None:
    events = np.random.default_rng(1).uniform(50, 500, size=(2000, len(channels)))
    with path.open("wb") as file:
        flowio.create_fcs(
            file, events.astype(np.float32).ravel().tolist(), channels, metadata_dict=keywords
        )


def write_slide(path: Path, *, shape: tuple[int, ...] = (4, 64, 64), axes: str = "CYX") -> None:
    pixels = np.zeros(shape, dtype=np.uint16)
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata={"axes": axes})


GATE_FLOW = [
    *("gate-flow", "tube.fcs", "--panel", "config/panels/panel.yaml"),
    *("--gates", "config/gates/gates.yaml", "--output", "out/tube"),
]


def replace(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def assert_refused(said: Said, *words: str) -> None:
    """Exit 2; one short message that holds the words; no result, whole or half."""
    assert said.code == 2, said
    assert "Traceback" not in said.message
    for word in words:
        assert word in said.message
    lines = [line for line in said.message.splitlines() if line.strip()]
    assert len(lines) == 1, said.message
    assert [path for path in Path("out").rglob("*") if path.is_file()] == []


def test_good_input_is_gated(chc: Callable[..., Said]) -> None:
    assert chc(*GATE_FLOW) == Said(0, "")
    assert sorted(path.name for path in Path("out/tube").iterdir()) == [
        "candidates.parquet",
        "densities.npz",
        "populations.json",
        "quality.json",
    ]


def test_missing_file_is_refused(chc: Callable[..., Said]) -> None:
    Path("tube.fcs").unlink()
    assert_refused(chc(*GATE_FLOW), "tube.fcs", "no such file")


def test_truncated_fcs_file_is_refused(chc: Callable[..., Said]) -> None:
    whole = Path("tube.fcs").read_bytes()
    Path("tube.fcs").write_bytes(whole[:-1000])
    assert_refused(chc(*GATE_FLOW), "tube.fcs", "cut short")


def test_file_without_a_channel_of_the_panel_is_refused(chc: Callable[..., Said]) -> None:
    write_tube(Path("tube.fcs"), ["FSC-A", "FSC-H", "PE-A", "FITC-A", "Time"])
    assert_refused(chc(*GATE_FLOW), "tube.fcs", "APC-A", "CD45")


def test_gate_on_an_unknown_channel_is_refused(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "{FSC-A: [100", "{SSC-A: [100")
    assert_refused(chc(*GATE_FLOW), "gates.yaml", "SSC-A", "intact")


def test_unknown_marker_is_refused(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "CTC: CD45- and", "CTC: CD45- and CD54- and")
    assert_refused(chc(*GATE_FLOW), "gates.yaml", "CD54")


def test_syntax_error_in_an_expression_is_refused(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "CHC: CD45+ and (EPCAM+", "CHC: CD45+ && (EPCAM+")
    assert_refused(chc(*GATE_FLOW), "gates.yaml", "phenotypes.CHC", "&")


def test_expression_is_never_evaluated(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "CHC: CD45+ and (EPCAM+ or CK+)", "CHC: open('x')")
    assert_refused(chc(*GATE_FLOW), "phenotypes.CHC")
    assert not Path("x").exists()


def test_cycle_of_parents_is_refused(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "intact: {", "intact: {parent: singlet, ")
    assert_refused(chc(*GATE_FLOW), "gates.yaml", "cycle")


def test_singular_spillover_is_refused(chc: Callable[..., Said]) -> None:
    write_tube(Path("tube.fcs"), **{"$SPILLOVER": "2,PE-A,FITC-A,1,0.5,2,1"})
    replace("config/panels/panel.yaml", "spillover: none", "spillover: keyword")
    assert_refused(chc(*GATE_FLOW), "singular", "$SPILLOVER")


def test_singular_spillover_table_is_refused(chc: Callable[..., Said]) -> None:
    Path("comp.csv").write_text(",PE-A,FITC-A\nPE-A,1,0.5\nFITC-A,2,1\n")
    words = "spillover comp.csv --panel config/panels/panel.yaml --output out/spillover.json"
    assert_refused(chc(*words.split()), "comp.csv", "singular")


def test_part_of_the_grammar_that_is_not_built_is_refused(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "CK: {fixed: 100}", "CK: {donors: {quantile: 0.99}}")
    assert_refused(chc(*GATE_FLOW), "gates.yaml", "cuts.CK", "not built")


def test_a_tube_whose_cuts_are_not_given_is_refused(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "CK: {fixed: 100}", "CK: {fmo: {quantile: 0.99}}")
    assert_refused(chc(*GATE_FLOW), "cuts of CK are taken from controls", "--cutoffs")
    assert_refused(chc(*GATE_FLOW, "--cutoffs", "nowhere.json"), "nowhere.json", "no such result")
    cutoffs = ("cutoffs", *GATE_FLOW[2:6], "--output", "out/cutoffs.json")
    assert_refused(chc(*cutoffs, "--fmo", "CK=gone.fcs"), "gone.fcs", "no such file")
    said = chc(*cutoffs, "--fmo", "CK=tube.fcs", "--min-events", "5000")
    assert_refused(said, "tube.fcs", "events of population singlet, fewer than the 5,000")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("config/draws.tsv", "\t7.5\n", "\t-7.5\n", ("draws.tsv, row 2, volume_ml", "-7.5")),
        ("config/acquisitions.tsv", "0.5", "1.5", ("row 2, fraction_stained", "1.5")),
        ("config/config.yaml", "draws:", "nonsense: 1\ndraws:", ("config.yaml", "nonsense")),
        ("config/draws.tsv", "P1-T1\tP1", "../P1\tP1", ("draws.tsv, row 2, draw", "../P1")),
        ("config/gates/gates.yaml", "cuts:", "cats:", ("gates.yaml", "cats")),
        ("config/panels/panel.yaml", "role: time", "rule: time", ("panel.yaml", "rule")),
    ],
)
def test_fault_of_the_configuration_is_listed_and_stops_the_check(
    chc: Callable[..., Said], file: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    replace(file, old, new)
    said = chc("check", "config/config.yaml")
    assert said.code == 2
    assert "Traceback" not in said.message
    for word in words:
        assert word in said.printed


def test_duplicate_id_is_refused(chc: Callable[..., Said]) -> None:
    row = ACQUISITIONS.splitlines()[1].replace("tube.fcs", "other.fcs")
    Path("config/acquisitions.tsv").write_text(f"{ACQUISITIONS}{row}\n")
    said = chc("check", "config/config.yaml")
    assert said.code == 2
    assert "row 3, acquisition" in said.printed
    assert "A1" in said.printed


SEGMENT = ["segment", "slide.tif", "--panel", "slide.yaml", "--output", "out/slide"]


def test_slide_without_pixel_size_is_refused(chc: Callable[..., Said]) -> None:
    Path("slide.yaml").write_text(SLIDE_PANEL)
    write_slide(Path("slide.tif"))
    assert_refused(chc(*SEGMENT), "slide.tif", "pixel size", "pixel_size_um")


def test_slide_with_too_few_channels_is_refused(chc: Callable[..., Said]) -> None:
    Path("slide.yaml").write_text(SLIDE_PANEL)
    write_slide(Path("slide.tif"), shape=(2, 64, 64))
    assert_refused(chc(*SEGMENT, "--pixel-size-um", "0.5"), "slide.tif", "channel")


CUTOFFS = [
    *("cutoffs", "--panel", "slide.yaml", "--gates", "slide-gates.yaml"),
    *("--output", "out/cutoffs.json"),
]
SLIDE_GATES = """\
cuts: {CD45: {fixed: 100}, EPCAM: {fixed: 100}, CK: {fmo: {quantile: 0.99}}}
phenotypes: {CHC: CD45+ and (EPCAM+ or CK+), CTC: CD45- and (EPCAM+ or CK+)}
"""


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), ("the cut of CK from the fmo control", "controls")),
        (("--fmo", "CK=nowhere"), ("nowhere/measurement.json", "no such result")),
        (("--fmo", "CD45=measured"), ("measured", "take no cut of CD45 from the fmo control")),
        (("--fmo", "CK=measured"), ("measured.tif", "no such file")),
        (("--fmo", "CK=measured", "--unstained", "x"), ("x", "no cut from the unstained control")),
    ],
)
def test_cuts_that_controls_cannot_give_are_refused(
    chc: Callable[..., Said], words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    Path("slide.yaml").write_text(SLIDE_PANEL)
    Path("slide-gates.yaml").write_text(SLIDE_GATES)
    for stage in (("segment",), ("measure", "--labels", "measured")):
        command = (stage[0], "measured.tif", "--panel", "slide.yaml", "--output", "measured")
        assert chc(*command, *stage[1:], "--record-faults").code == 0
    assert_refused(chc(*CUTOFFS, *words), *parts)


@pytest.mark.parametrize("words", [("--fmo", "CK"), ("--fmo", "=folder"), ("--isotype", "CK=")])
def test_a_control_without_its_marker_or_folder_is_refused(
    chc: Callable[..., Said], words: tuple[str, str]
) -> None:
    said = chc(*CUTOFFS, *words)
    assert said.code == 2
    assert "MARKER=PATH" in said.message


def test_gates_that_take_a_cut_from_a_control_are_refused_without_it(
    chc: Callable[..., Said],
) -> None:
    Path("slide.yaml").write_text(SLIDE_PANEL)
    Path("slide-gates.yaml").write_text(SLIDE_GATES)
    common = ("--panel", "slide.yaml", "--output", "measured", "--record-faults")
    chc("segment", "s.tif", *common)
    chc("measure", "s.tif", "--labels", "measured", *common)
    words = ("gate-image", "measured", "--slide", "s.tif", "--panel", "slide.yaml")
    said = chc(*words, "--gates", "slide-gates.yaml", "--output", "out/gated")
    assert_refused(said, "cuts of CK are taken from controls", "--cutoffs")


@pytest.mark.parametrize(("axes", "word"), [("TYX", "T"), ("ZYX", "Z")])
def test_slide_with_a_time_or_depth_axis_is_refused(
    chc: Callable[..., Said], axes: str, word: str
) -> None:
    Path("slide.yaml").write_text(SLIDE_PANEL)
    write_slide(Path("slide.tif"), axes=axes)
    assert_refused(chc(*SEGMENT, "--pixel-size-um", "0.5"), "slide.tif", f"{word} axis")


def test_recorded_fault_is_a_result_and_no_failure(chc: Callable[..., Said]) -> None:
    Path("tube.fcs").unlink()
    assert chc(*GATE_FLOW, "--record-faults") == Said(0, "")
    result = Path("out/tube/populations.json").read_text()
    assert '"status": "not_counted"' in result
    assert "no such file" in result


def test_recorded_fault_never_hides_a_fault_of_the_gates(chc: Callable[..., Said]) -> None:
    replace("config/gates/gates.yaml", "{FSC-A: [100", "{SSC-A: [100")
    assert_refused(chc(*GATE_FLOW, "--record-faults"), "SSC-A")
