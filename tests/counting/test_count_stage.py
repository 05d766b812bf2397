"""`chc count` from files to count.json."""

from __future__ import annotations

from pathlib import Path

import pytest
from count_cases import CONFIG_FILE, GATES_FILE, PANEL_FILE, make_failure, make_result

from chc_gating.errors import ChcError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.model.count import DrawCount
from chc_gating.stages.count import count
from chc_gating.storage.records import read_record, write_record

DRAWS = """draw\tpatient\tcohort\tcollected_on\tvolume_ml\tspiked
D1\tP1\tpatient\t2026-03-01\t7.5\t
D2\tP2\tpatient\t2026-03-02\t7.5\t
S1\tN1\tspike\t2026-03-01\t7.5\t1000
"""
ACQUISITIONS = """acquisition\tdraw\tmodality\tfile\tpanel\tgates\t\
fraction_stained\tfraction_acquired
A1\tD1\tflow\ta1.fcs\tchc3\tchc\t0.8\t0.875
A2\tD2\tflow\ta2.fcs\tchc3\tchc\t0.8\t0.875
SA\tS1\tflow\ts1.fcs\tchc3\tchc\t0.5\t1
"""


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    files = {
        "config.yaml": CONFIG_FILE,
        "draws.tsv": DRAWS,
        "acquisitions.tsv": ACQUISITIONS,
        "panels/chc3.yaml": PANEL_FILE,
        "gates/chc.yaml": GATES_FILE,
    }
    for name, text in files.items():
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_result(tmp_path, "A1", make_result({"CHC": 12}))
    write_result(tmp_path, "A2", make_failure("truncated"))
    write_result(tmp_path, "SA", make_result({"CTC": 375}))
    return tmp_path


def write_result(folder: Path, acquisition: str, result: AcquisitionResult) -> None:
    write_record(folder / "results" / "acquisitions" / acquisition / "populations.json", result)


def run(folder: Path, draw: str) -> bytes:
    output = folder / "results" / "draws" / draw / "count.json"
    count(
        folder / "config" / "config.yaml",
        draw=draw,
        results=folder / "results",
        output=output,
        directory=folder,
    )
    return output.read_bytes()


def read(folder: Path, draw: str) -> DrawCount:
    return read_record(folder / "results" / "draws" / draw / "count.json", DrawCount)


def test_count_is_written_with_the_recovery_of_the_spike_draw(batch: Path) -> None:
    run(batch, "D1")
    counted = read(batch, "D1")
    row = next(row for row in counted.rows if row.phenotype == "CHC")
    assert (row.count, row.exposure_ml) == (12, pytest.approx(5.25))
    assert row.recovery == pytest.approx(0.75)
    assert [one.role for one in counted.inputs] == ["A1", "SA"]
    assert all(one.sha256 for one in counted.inputs)


def test_same_inputs_give_the_same_bytes(batch: Path) -> None:
    assert run(batch, "D1") == run(batch, "D1")


def test_failed_draw_is_a_result_with_its_reason(batch: Path) -> None:
    run(batch, "D2")
    assert (read(batch, "D2").status, read(batch, "D2").reason) == ("not_counted", "A2: truncated")


def test_count_does_not_depend_on_the_rows_of_other_draws(batch: Path) -> None:
    before = run(batch, "D1")
    sheet = batch / "config" / "draws.tsv"
    sheet.write_text(
        DRAWS.replace("D2\tP2", "D3\tP3").replace("02\t7.5", "02\t5"), encoding="utf-8"
    )
    rows = batch / "config" / "acquisitions.tsv"
    rows.write_text(ACQUISITIONS.replace("A2\tD2", "A2\tD3"), encoding="utf-8")
    assert run(batch, "D1") == before


def test_hash_of_the_configuration_follows_the_draws_row(batch: Path) -> None:
    run(batch, "D1")
    before = read(batch, "D1").rows[0].config_hash
    sheet = batch / "config" / "draws.tsv"
    sheet.write_text(DRAWS.replace("2026-03-01\t7.5\t\n", "2026-03-01\t7.4\t\n"), encoding="utf-8")
    run(batch, "D1")
    assert read(batch, "D1").rows[0].config_hash != before


def test_unknown_draw_is_an_error_that_names_it(batch: Path) -> None:
    with pytest.raises(ChcError, match=r"no such draw.*D9"):
        run(batch, "D9")


def test_absent_result_is_an_error_and_writes_nothing(batch: Path) -> None:
    (batch / "results" / "acquisitions" / "A1" / "populations.json").unlink()
    with pytest.raises(ChcError, match="no such result"):
        run(batch, "D1")
    assert not (batch / "results" / "draws" / "D1").exists()


def test_recovery_sources_are_found_without_numpy_or_scipy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, chc_gating.counting.recovery_sources;"
        "print([m for m in ('numpy', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
