"""Counts beside FlowJo's own, or beside a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chc_gating.cli.main import app
from chc_gating.errors import ChcError, ConfigError
from chc_gating.model.acquisition import AcquisitionResult, InputFile, PopulationCount
from chc_gating.stages.compare_populations import compare_expected, compare_flowjo
from chc_gating.storage.records import write_record
from tests.flowjo.workspace_files import Sample, population, rectangle, write_workspace

GATE = rectangle({"FSC-A": (10.0, None)})


def write_result(results: Path, name: str, file: str, counts: Mapping[str, int] | None) -> None:
    held = {"all": 100, **(counts or {})}
    record = AcquisitionResult(
        software_version="0",
        inputs=(InputFile(role="raw", path=f"raw/run 1/{file}"),),
        parameters={},
        status="not_counted" if counts is None else "counted",
        reason="the file is cut short" if counts is None else None,
        modality="flow",
        panel={"name": "p", "channels": {}},
        gates={"name": "g"},
        event_count=None if counts is None else 100,
        populations=()
        if counts is None
        else tuple(
            PopulationCount(name=p, parent=None, events=n, percent_of_parent=None)
            for p, n in held.items()
        ),
    )
    write_record(results / "acquisitions" / name / "populations.json", record)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    write_result(folder, "P1", "p1.fcs", {"Cells": 50, "CD45+": 20})
    return folder


def write_study(tmp_path: Path, *, cd45: int = 20, extra: str = "") -> Path:
    tree = population("Cells", GATE, population("CD45+", GATE, count=cd45), count=50)
    sample = Sample("p1.fcs", [tree, extra], count=100)
    return write_workspace(tmp_path / "study.wsp", [sample], groups={"patients": ["p1.fcs"]})


def test_equal_counts_agree(results: Path, tmp_path: Path) -> None:
    comparison = compare_flowjo(results, workspace=write_study(tmp_path))
    assert comparison.agrees, comparison.text
    lines = [line.split() for line in comparison.text.splitlines()]
    assert lines[1] == ["P1", "all", "100", "100", "+0", "+0.00"]
    assert lines[3] == ["P1", "/Cells/CD45+", "20", "20", "+0", "+0.00"]
    assert comparison.text.endswith("3 counts compared, 0 differ.")


def test_a_difference_is_marked_with_its_size(results: Path, tmp_path: Path) -> None:
    comparison = compare_flowjo(results, workspace=write_study(tmp_path, cd45=25))
    assert not comparison.agrees
    assert comparison.text.splitlines()[3].split()[3:] == ["25", "-5", "-20.00", "DIFFERS"]


def test_a_tolerance_is_a_percentage_of_the_others_count(results: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, cd45=25)
    assert compare_flowjo(results, workspace=study, tolerance_percent=20.0).agrees
    assert not compare_flowjo(results, workspace=study, tolerance_percent=19.9).agrees


def test_none_where_flowjo_counts_none_has_no_percentage(results: Path, tmp_path: Path) -> None:
    comparison = compare_flowjo(results, workspace=write_study(tmp_path, cd45=0))
    assert comparison.text.splitlines()[3].split()[3:] == ["0", "+20", "DIFFERS"]


def test_what_one_side_lacks_is_listed_and_is_no_difference(results: Path, tmp_path: Path) -> None:
    write_result(results, "P2", "p2.fcs", {"Cells": 3})
    study = write_study(tmp_path, extra=population("Beads", GATE, count=9))
    comparison = compare_flowjo(results, workspace=study)
    assert comparison.agrees
    assert "/Beads" in comparison.text
    assert "not in the results" in comparison.text
    assert "acquisitions without a sample: P2" in comparison.text


def test_a_population_that_flowjo_did_not_count_is_no_difference(
    results: Path, tmp_path: Path
) -> None:
    comparison = compare_flowjo(results, workspace=write_study(tmp_path, cd45=-1))
    assert comparison.agrees
    assert "not counted by FlowJo" in comparison.text


def test_an_acquisition_that_was_not_counted_is_a_difference(results: Path, tmp_path: Path) -> None:
    write_result(results, "P1", "p1.fcs", None)
    comparison = compare_flowjo(results, workspace=write_study(tmp_path))
    assert not comparison.agrees
    assert "NOT COUNTED: the file is cut short" in comparison.text


def test_nothing_to_compare_is_refused(results: Path, tmp_path: Path) -> None:
    study = write_workspace(tmp_path / "s.wsp", [Sample("other.fcs", [population("C", GATE)])])
    with pytest.raises(ChcError, match=r"no acquisition in .* the samples are other\.fcs"):
        compare_flowjo(results, workspace=study)


def test_a_workspace_without_any_count_does_not_agree_by_default(
    results: Path, tmp_path: Path
) -> None:
    study = write_workspace(tmp_path / "s.wsp", [Sample("p1.fcs", [population("Cells", GATE)])])
    with pytest.raises(ChcError, match="no population has a count on both sides"):
        compare_flowjo(results, workspace=study)


def test_a_table_is_compared_by_short_name_or_path(results: Path, tmp_path: Path) -> None:
    write_result(results, "P2", "p2.fcs", {"/A/X": 1, "/B/X": 2})
    table = tmp_path / "expected.csv"
    table.write_text(
        "acquisition;population;count\nP1;all;100\nP1;/Cells/CD45+;20\nP2;/A/X;1\nP2;B/X;2\n"
    )
    comparison = compare_expected(results, table=table)
    assert comparison.agrees, comparison.text
    assert "4 counts compared" in comparison.text


def test_what_a_table_names_must_be_there(results: Path, tmp_path: Path) -> None:
    table = tmp_path / "expected.tsv"
    table.write_text("acquisition\tpopulation\tcount\nP1\tCells\t50\nP1\tNK\t3\nP9\tCells\t1\n")
    comparison = compare_expected(results, table=table)
    assert not comparison.agrees
    assert "MISSING: not in the results" in comparison.text
    assert "the results lack: P9" in comparison.text


def test_faults_of_a_table_are_told_with_their_lines(results: Path, tmp_path: Path) -> None:
    table = tmp_path / "expected.tsv"
    table.write_text("acquisition\tpopulation\tcount\nP1\tCells\t5.5\nP1\tA\t1\nP1\tA\t1\n")
    with pytest.raises(ConfigError, match=r"row 2.*\n.*row 4"):
        compare_expected(results, table=table)
    table.write_text("acquisition\tpopulation\nP1\tCells\n")
    with pytest.raises(ConfigError, match="lacks count"):
        compare_expected(results, table=table)


def test_the_command_takes_one_source_and_exits_1_on_a_difference(
    results: Path, tmp_path: Path
) -> None:
    runner, study = CliRunner(), str(write_study(tmp_path, cd45=25))
    arguments = ["compare", str(results), "--flowjo", study]
    assert runner.invoke(app, arguments).exit_code == 1
    assert runner.invoke(app, [*arguments, "--tolerance-percent", "20"]).exit_code == 0
    assert runner.invoke(app, [*arguments, "--group", "patients"]).exit_code == 1
    for wrong in (["compare", str(results)], [*arguments, "--expected", "x.tsv"]):
        assert runner.invoke(app, wrong).exit_code == 2
