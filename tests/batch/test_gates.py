"""Gates files: what is wrong is told in one line, with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.configuration import load_batch
from chc_gating.batch.gates import load_gates
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.panel import Channel, Panel

from .conftest import GATES, write_batch

FaultsOf = Callable[[dict[str, str]], list[Fault]]
FILE = "config/gates/chc.yaml"

WRONG = [
    # what is replaced, by what, line, path of keys, problem
    ("FSC-A: [30", "SSC-A: [30", 2, "populations.intact.rectangle.SSC-A", "has no channel SSC-A"),
    ("[FSC-A, FSC-H]", "[FSC-A, FSC-W]", 3, "populations.singlet.ratio.FSC-W", "no channel FSC-W"),
    ("when: VIA-", "when: VIB-", 4, "populations.viable.when", "has no marker VIB"),
    ("when: VIA-", "when: VIA- and", 4, "populations.viable.when", "syntax error at character 9"),
    ("when: VIA-", "when: __import__('os')", 4, "populations.viable.when", "syntax error"),
    ("CTC: CD45- and", "CTC: CD45- AND", 13, "phenotypes.CTC", "key words are lower case"),
    (
        "parent: intact",
        "parent: viable",
        3,
        "populations.singlet.parent",
        "parents form a cycle: singlet -> viable -> singlet",
    ),
    (
        "parent: intact",
        "parent: singlet",
        3,
        "populations.singlet.parent",
        "parents form a cycle: singlet -> singlet",
    ),
    ("parent: intact", "parent: intat", 3, "populations.singlet.parent", "no such population"),
    (
        "populations:",
        "populations:\n  all: {when: VIA-}",
        2,
        "populations.all",
        "the name of all events",
    ),
    ("[0.9, 1.6]", "[1.6, 0.9]", 3, "populations.singlet.ratio.within", "is not below"),
    ("[30000, null]", "[5, 5]", 2, "populations.intact.rectangle.FSC-A", "is not below"),
    ("[30000, null]", "[null, null]", 2, "populations.intact.rectangle.FSC-A", "has neither"),
    ("[30000, null]", "[30000]", 2, "populations.intact.rectangle.FSC-A.1", "two values"),
    ("phenotype: viable", "phenotype: vible", 5, "phenotype", "no such population"),
    ("phenotype: viable", "phenotyp: viable", 5, "phenotyp", "is not a known key"),
    ("  VIA: {fixed: 3000}\n", "", 4, "populations.viable.when", "marker VIA has no cut"),
    ("  CK: {fixed: 1500}\n", "", 11, "phenotypes.CHC", "marker CK has no cut"),
    ("{fixed: 3000}", "{fixed: bright}", 7, "cuts.VIA.fixed", "must be a number"),
    ("{fixed: 3000}", "{fixed: true}", 7, "cuts.VIA.fixed", "is true or false"),
    ("{fixed: 3000}", "{fixed: .inf}", 7, "cuts.VIA.fixed", "must be a number"),
    ("{fixed: 3000}", "{}", 7, "cuts.VIA", "give exactly one of fixed, fmo"),
    ("[1500, 2500]", "[2500, 1500]", 8, "cuts.CD45", "low below high"),
    ("[1500, 2500]", "[2100, 2500]", 8, "cuts.CD45", "must contain the fixed cut"),
    ("CTC: CD45- and", "CTC: CD45+ and", 13, "phenotypes.CTC", "can be both CHC and CTC"),
    ("leukocyte:", "invalid:", 14, "phenotypes.invalid", "name that the program gives itself"),
    ("leukocyte:", "CHC_CK:", 14, "phenotypes.CHC_CK", "name that the program gives itself"),
    ("\n  viable:", "\n\tviable:", 4, None, "YAML syntax error"),
    ("  singlet:", "  intact:", 3, "intact", "the key stands already in line 2"),
    # allowed by the grammar and not built
    (
        "rectangle: {FSC-A: [30000, null]}",
        "polygon: {of: [FSC-A, FSC-H], vertices: [[0, 0], [1, 0], [0, 0]]}",
        2,
        "populations.intact.polygon.vertices",
        "fewer than 3 different vertices",
    ),
    (
        "rectangle: {FSC-A: [30000, null]}",
        "not: singlet",
        2,
        "populations.intact.not",
        "is not above",
    ),
    (
        "rectangle: {FSC-A: [30000, null]}",
        "or: [intat]",
        2,
        "populations.intact.or",
        "no such population",
    ),
    (
        "rectangle: {FSC-A: [30000, null]}",
        "margins: [FSC-A, FSC-A]",
        2,
        "populations.intact.margins",
        "names FSC-A twice",
    ),
    (
        "rectangle: {FSC-A: [30000, null]}",
        "ellipse: {of: [FSC-A, FSC-H], mean: [1, 2], covariance: [[1, 2], [2, 1]], "
        "distance_square: 1}",
        2,
        "populations.intact.ellipse.covariance",
        "not symmetric and positive definite",
    ),
    (
        "rectangle: {FSC-A: [30000, null]}",
        "imported: {kind: rectangle}",
        2,
        "populations.intact.imported",
        "is not a known key",
    ),
    (
        "within: [0.9, 1.6]}",
        "within: [0.9, 1.6]}, scale: transformed",
        3,
        "populations.singlet.scale",
        "transformed is for rectangle",
    ),
    (
        "phenotype: viable",
        "markers: {CK: {positive: viable, negative: intact}}\nphenotype: viable",
        5,
        "markers.CK",
        "has a cut, too",
    ),
    (
        "{fixed: 3000}",
        "{donors: {}}",
        7,
        "cuts.VIA.donors",
        "a cut from donors is not built",
    ),
    ("populations:", "file: gates.xml\npopulations:", 2, "populations", "come from gates.xml"),
    ("populations:", "group: A\npopulations:", 1, "group", "is a group of a FlowJo workspace"),
]


@pytest.mark.parametrize(("old", "new", "line", "keys", "problem"), WRONG)
def test_a_fault_in_gates_is_told_once_with_its_line(
    old: str, new: str, line: int, keys: str | None, problem: str, faults_of: FaultsOf
) -> None:
    assert old in GATES
    (fault,) = faults_of({FILE: GATES.replace(old, new, 1)})
    assert (fault.file, fault.row, fault.column) == (FILE, line, keys)
    assert problem in fault.problem
    assert "\n" not in str(fault)


def test_a_parent_that_stands_below_is_refused(faults_of: FaultsOf) -> None:
    lines = GATES.splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (fault,) = faults_of({FILE: "\n".join(lines)})
    assert fault.column == "populations.singlet.parent"
    assert "is defined below" in fault.problem


def test_a_longer_cycle_is_told_once(faults_of: FaultsOf) -> None:
    text = GATES.replace("intact: {rect", "intact: {parent: viable, rect")
    (fault,) = faults_of({FILE: text})
    assert "cycle: intact -> viable -> singlet -> intact" in fault.problem


def test_an_unused_cut_is_a_warning(tmp_path: Path) -> None:
    text = GATES.replace(" and CK-", "").replace("(EPCAM+ or CK+)", "EPCAM+")
    batch = load_batch(write_batch(tmp_path, {FILE: text}), directory=tmp_path)
    assert [w for w in batch.warnings if "cuts.CK: used by no phenotype" in w]


def test_gates_without_cuts_are_legal(tmp_path: Path) -> None:
    path = tmp_path / "find.yaml"
    path.write_text(
        "populations:\n  intact: {rectangle: {FSC-A: [30000, null]}}\n"
        "phenotypes: {CHC: CD45+ and CK+}\n"
    )
    gates = load_gates(path)
    assert (gates.name, dict(gates.cuts)) == ("find", {})


def test_more_markers_than_a_table_holds_are_refused(tmp_path: Path) -> None:
    markers = [f"M{i}" for i in range(9)]
    rule = " and ".join(f"{marker}+" for marker in markers)
    path = tmp_path / "many.yaml"
    path.write_text(
        f"phenotypes:\n  rare: {rule}\ncuts:\n"
        + "".join(f"  {marker}: {{fixed: 1}}\n" for marker in markers)
    )
    with pytest.raises(ConfigError, match="at most 8 can take part"):
        load_gates(path)


def test_the_panel_s_epithelial_markers_are_part_of_the_table(tmp_path: Path) -> None:
    channels = {f"C{i}": Channel(marker=f"M{i}", role="epithelial") for i in range(9)}
    path = tmp_path / "many.yaml"
    path.write_text(
        "phenotypes: {CHC: M0+}\ncuts:\n" + "".join(f"  M{i}: {{fixed: 1}}\n" for i in range(9))
    )
    with pytest.raises(ConfigError, match=r"row 1, phenotypes: on panel p: rules over 9 markers"):
        load_gates(path, panel=Panel(name="p", channels=channels))


def test_populations_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "chc.yaml"
    path.write_text(GATES)
    assert list(load_gates(path).populations) == ["intact", "singlet", "viable"]


def test_a_flowjo_workspace_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"study\.wsp: no such file"):
        load_gates(Path("study.wsp"))


@pytest.mark.parametrize(
    ("old", "new"), [("{fixed: 3000}", "{fixed: 3,000}"), ("[30000, null]", "[30,000, null]")]
)
def test_a_comma_for_thousands_is_explained(old: str, new: str, faults_of: FaultsOf) -> None:
    assert old in GATES
    (fault,) = faults_of({FILE: GATES.replace(old, new)})
    assert "1000" in fault.remedy
    assert "1,000" in fault.remedy
