"""Rows of the sheets: every bad cell gets one message that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.configuration import load_batch
from chc_gating.errors import Fault

from .conftest import ACQUISITIONS, CONFIG, DRAWS, GATES, PANEL, write_batch

FaultsOf = Callable[[dict[str, str]], list[Fault]]
ACQUISITIONS_FILE, DRAWS_FILE = "config/acquisitions.tsv", "config/draws.tsv"


def sheet(*rows: dict[str, object]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["\t".join(columns)]
    lines += ["\t".join(str(row.get(name, "")) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def draws(**cells: object) -> dict[str, str]:
    row = {"draw": "P01-T1", "patient": "P01", "cohort": "patient", "collected_on": "2026-01-31"}
    other = {**row, "draw": "P01-T2"}
    return {DRAWS_FILE: sheet({**row, **cells}, other)}


def acquisitions(**cells: object) -> dict[str, str]:
    row = {
        "acquisition": "a1",
        "draw": "P01-T1",
        "modality": "flow",
        "file": "raw/a.fcs",
        "panel": "chc4",
        "gates": "chc",
    }
    other = {**row, "acquisition": "a2", "draw": "P01-T2", "file": "raw/b.fcs"}
    return {ACQUISITIONS_FILE: sheet({**row, **cells}, other)}


def test_the_small_batch_has_no_fault(faults_of: FaultsOf) -> None:
    assert faults_of({}) == []


@pytest.mark.parametrize(
    ("cells", "column", "problem"),
    [
        ({"volume_ml": "-3"}, "volume_ml", "must be above 0"),
        ({"volume_ml": "0"}, "volume_ml", "must be above 0"),
        ({"volume_ml": "7,5"}, "volume_ml", "a decimal comma"),
        ({"wbc_per_ul": "-1"}, "wbc_per_ul", "must be above 0"),
        ({"lymphocyte_fraction": "1.2"}, "lymphocyte_fraction", "must be at most 1"),
        (
            {"lymphocyte_fraction": ".8", "monocyte_fraction": ".3"},
            "monocyte_fraction",
            "more than",
        ),
        ({"spiked": "100", "recovered": "101"}, "recovered", "more cells recovered"),
        ({"recovered": "10"}, "spiked", "is blank, but recovered"),
        ({"spiked": "100", "recovered": "-1"}, "recovered", "must be at least 0"),
        ({"recovery_scope": "all"}, "recovery_scope", "is not a value known here"),
        ({"preparation": "Ficoll"}, "preparation", "is not a value known here"),
        ({"cohort": "Patient"}, "cohort", "is not a value known here"),
        ({"cohort": ""}, "cohort", "is blank"),
        ({"collected_on": "31.01.2026"}, "collected_on", "is not a date"),
        ({"drawn_at": "09:00", "received_at": "08:00"}, "received_at", "received before"),
        ({"drawn_at": "2026-02-01 09:00"}, "drawn_at", "is not on the day"),
        ({"patient": "../x"}, "patient", "may not lead out"),
    ],
)
def test_a_draw_is_refused_with_its_cell(
    cells: dict[str, object], column: str, problem: str, faults_of: FaultsOf
) -> None:
    (fault,) = faults_of(draws(**cells))
    assert (fault.file, fault.row, fault.column) == (DRAWS_FILE, 2, column)
    assert problem in fault.problem


@pytest.mark.parametrize(
    ("cells", "column", "problem"),
    [
        ({"fraction_stained": "1.01"}, "fraction_stained", "must be at most 1"),
        ({"fraction_acquired": "0"}, "fraction_acquired", "must be above 0"),
        ({"dilution_factor": "0.5"}, "dilution_factor", "must be at least 1"),
        ({"volume_acquired_ul": "-5"}, "volume_acquired_ul", "must be above 0"),
        ({"beads_added": "0"}, "beads_added", "must be above 0"),
        ({"pixel_size_um": "0"}, "pixel_size_um", "must be above 0"),
        ({"image": "-1"}, "image", "must be at least 0"),
        ({"image": "1"}, "image", "an FCS file has no images"),
        ({"modality": "slide"}, "modality", "is not a value known here"),
        ({"modality": "image"}, "modality", "is for modality flow"),
        ({"bead_population": "bead"}, "bead_population", "no such population"),
        ({"panel": "chc5"}, "panel", "no such file in config/panels"),
        ({"gates": "other"}, "gates", "no such file in config/gates"),
        ({"gates": "CHC"}, "gates", "upper and lower case"),
        ({"draw": "P01-T9"}, "draw", "no such draw"),
        ({"file": ""}, "file", "is blank"),
    ],
)
def test_an_acquisition_is_refused_with_its_cell(
    cells: dict[str, object], column: str, problem: str, faults_of: FaultsOf
) -> None:
    (fault,) = faults_of(acquisitions(**cells))
    assert (fault.file, fault.row, fault.column) == (ACQUISITIONS_FILE, 2, column)
    assert problem in fault.problem


@pytest.mark.parametrize("other", ["raw/a.fcs", "raw/./a.fcs", "raw//x/../a.fcs"])
def test_the_same_file_twice_is_a_fault(other: str, faults_of: FaultsOf) -> None:
    text = acquisitions()[ACQUISITIONS_FILE].replace("raw/b.fcs", other)
    (fault,) = faults_of({ACQUISITIONS_FILE: text})
    assert (fault.row, fault.column) == (3, "file")
    assert "the same file and image as row 2" in fault.problem


def test_the_same_file_by_an_absolute_path_is_a_fault(faults_of: FaultsOf, tmp_path: Path) -> None:
    text = acquisitions()[ACQUISITIONS_FILE].replace("raw/b.fcs", f"{tmp_path}/raw/a.fcs")
    (fault,) = faults_of({ACQUISITIONS_FILE: text})
    assert "the same file and image as row 2" in fault.problem


def test_the_same_file_by_a_link_is_a_fault(faults_of: FaultsOf, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.fcs").touch()
    (tmp_path / "raw" / "b.fcs").symlink_to("a.fcs")
    (fault,) = faults_of(acquisitions())
    assert (fault.row, fault.value) == (3, "raw/b.fcs")
    assert "the same file and image as row 2" in fault.problem


def test_duplicate_ids_are_refused(faults_of: FaultsOf) -> None:
    text = acquisitions()[ACQUISITIONS_FILE].replace("a2\t", "a1\t")
    (fault,) = faults_of({ACQUISITIONS_FILE: text})
    assert (fault.row, fault.column, fault.value) == (3, "acquisition", "a1")
    assert "already the id of row 2" in fault.problem


def test_ids_that_differ_only_by_case_are_refused_and_why(faults_of: FaultsOf) -> None:
    text = acquisitions()[ACQUISITIONS_FILE].replace("a2\t", "A1\t")
    (fault,) = faults_of({ACQUISITIONS_FILE: text})
    assert (fault.row, fault.column, fault.value) == (3, "acquisition", "A1")
    assert "on many disks the two would be one file" in fault.problem


@pytest.mark.parametrize(("defined", "used"), [("007", "7"), ("7", "007")])
def test_a_lost_leading_zero_is_refused_where_it_was_lost(
    defined: str, used: str, faults_of: FaultsOf
) -> None:
    files = {
        DRAWS_FILE: DRAWS.replace("P01-T1", defined),
        ACQUISITIONS_FILE: ACQUISITIONS.replace("P01-T1", used),
    }
    (fault,) = faults_of(files)
    assert (fault.file, fault.row, fault.column, fault.value) == (
        DRAWS_FILE if defined == "7" else ACQUISITIONS_FILE,
        2,
        "draw",
        "7",
    )
    assert "lost leading zeros" in fault.problem
    assert "'007'" in fault.problem


def test_a_required_column_that_is_missing_is_one_fault(faults_of: FaultsOf) -> None:
    (fault,) = faults_of({DRAWS_FILE: DRAWS.replace("collected_on", "collected on")})
    assert (fault.file, fault.row) == (DRAWS_FILE, 1)
    assert "the column collected_on is missing" in fault.problem
    assert "rename the column 'collected on'" in fault.remedy


def test_unknown_columns_are_named_in_a_warning_and_kept_out(tmp_path: Path) -> None:
    config = write_batch(tmp_path, draws(ward="7B"))
    batch = load_batch(config, directory=tmp_path)
    assert "ward" not in batch.draw_params("P01-T1")
    assert [w for w in batch.warnings if "ward: unknown column" in w]


def test_a_draw_without_acquisition_is_a_warning(tmp_path: Path) -> None:
    text = "\n".join(ACQUISITIONS.splitlines()[:2]) + "\n"
    batch = load_batch(write_batch(tmp_path, {ACQUISITIONS_FILE: text}), directory=tmp_path)
    assert batch.acquisitions_of("P01-T2") == ()
    assert [w for w in batch.warnings if "P01-T2 has no acquisition" in w]


def test_leukocytes_in_the_unit_of_a_laboratory_report_are_a_warning(tmp_path: Path) -> None:
    batch = load_batch(write_batch(tmp_path, draws(wbc_per_ul="6.2")), directory=tmp_path)
    assert [w for w in batch.warnings if "6.2 x 10^9/L is 6200 per uL" in w]


REPLICATE = {
    "acquisition": "a1",
    "draw": "P01-T1",
    "modality": "flow",
    "file": "raw/a.fcs",
    "panel": "chc4",
    "gates": "chc",
    "tube": "T1",
    "tube_order": "",
    "replicate": 1,
}
AGAIN = {**REPLICATE, "acquisition": "a2", "file": "raw/b.fcs", "replicate": 2}


def test_a_replicate_number_is_given_once(faults_of: FaultsOf) -> None:
    row, again = REPLICATE, {**AGAIN, "replicate": 1}
    (fault,) = faults_of({ACQUISITIONS_FILE: sheet(row, again)})
    assert (fault.row, fault.column) == (3, "replicate")
    assert faults_of({ACQUISITIONS_FILE: sheet(row, {**again, "replicate": 2})}) == []


@pytest.mark.parametrize("other", [{"tube": "T2"}, {"draw": "P01-T2"}])
def test_a_replicate_without_a_partner_is_a_fault(
    other: dict[str, object], faults_of: FaultsOf
) -> None:
    plain = {**AGAIN, "replicate": "", **other}
    (fault,) = faults_of({ACQUISITIONS_FILE: sheet(REPLICATE, plain)})
    assert (fault.row, fault.column) == (2, "replicate")
    assert "no other row is of the same draw" in fault.problem


def test_a_blank_tube_beside_a_named_one_is_a_fault_of_replicates(faults_of: FaultsOf) -> None:
    third = {**AGAIN, "acquisition": "a3", "file": "raw/c.fcs", "tube": "", "replicate": ""}
    (fault,) = faults_of({ACQUISITIONS_FILE: sheet(REPLICATE, AGAIN, third)})
    assert (fault.row, fault.column) == (4, "tube")
    plain = [{**row, "replicate": ""} for row in (REPLICATE, AGAIN, third)]
    assert faults_of({ACQUISITIONS_FILE: sheet(*plain)}) == []


def test_tubes_of_replicates_are_not_told_apart_by_their_order(faults_of: FaultsOf) -> None:
    rows = [{**REPLICATE, "tube": "", "tube_order": 1}, {**AGAIN, "tube": "", "tube_order": 2}]
    (fault,) = faults_of({ACQUISITIONS_FILE: sheet(*rows)})
    assert (fault.row, fault.column, fault.value) == (3, "tube_order", "2")
    unevenly = [{**REPLICATE, "tube_order": 1}, AGAIN]
    assert faults_of({ACQUISITIONS_FILE: sheet(*unevenly)}) == []


CONTROLS = {"config/config.yaml": CONFIG + "controls: config/controls.tsv\n"}


@pytest.mark.parametrize(
    ("cells", "column", "problem"),
    [
        ({"kind": "single_stain"}, "marker", "is blank"),
        ({"kind": "unstained", "marker": "CK"}, "marker", "has no marker"),
        ({"kind": "beads"}, "kind", "is not a value known here"),
    ],
)
def test_a_control_is_refused_with_its_cell(
    cells: dict[str, object], column: str, problem: str, faults_of: FaultsOf
) -> None:
    row = {"control": "c1", "panel": "chc4", "file": "raw/c.fcs", **cells}
    (fault,) = faults_of({**CONTROLS, "config/controls.tsv": sheet(row)})
    assert (fault.file, fault.row, fault.column) == ("config/controls.tsv", 2, column)
    assert problem in fault.problem


def test_biomarkers_of_an_unknown_patient_are_refused(faults_of: FaultsOf) -> None:
    row = {"patient": "P99", "date": "2026-01-31", "analyte": "CEA", "value": 4.2, "unit": "ug/L"}
    files = {
        "config/config.yaml": CONFIG + "biomarkers: config/biomarkers.tsv\n",
        "config/biomarkers.tsv": sheet(row),
    }
    (fault,) = faults_of(files)
    assert (fault.row, fault.column, fault.value) == (2, "patient", "P99")


@pytest.mark.parametrize(
    ("cells", "column"),
    [({"end_date": "2026-01-01"}, "end_date"), ({"kind": "imaging", "detail": "better"}, "detail")],
)
def test_clinical_events_are_refused_with_their_cell(
    cells: dict[str, object], column: str, faults_of: FaultsOf
) -> None:
    row = {"patient": "P01", "date": "2026-01-31", "kind": "treatment", **cells}
    files = {
        "config/config.yaml": CONFIG + "clinical_events: config/clinical_events.tsv\n",
        "config/clinical_events.tsv": sheet(row),
    }
    (fault,) = faults_of(files)
    assert (fault.row, fault.column) == (2, column)


def test_all_faults_come_at_once(faults_of: FaultsOf) -> None:
    files = {
        "config/config.yaml": CONFIG + "settings: {min_event: 3}\n",
        **draws(volume_ml="-3"),
        **acquisitions(fraction_stained="80"),
        "config/panels/chc4.yaml": PANEL.replace("role: viability", "role: viabel"),
        "config/gates/chc.yaml": GATES.replace("phenotype: viable", "phenotype: vible"),
    }
    columns = [fault.column for fault in faults_of(files)]
    assert sorted(columns) == [  # type: ignore[type-var]
        "channels.BV421-A.role",
        "fraction_stained",
        "phenotype",
        "settings.min_event",
        "volume_ml",
    ]
