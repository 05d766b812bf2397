"""config.yaml: faults of its keys, and what a batch gives to the workflow and the stages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.configuration import load_batch
from chc_gating.batch.fingerprints import hash_draw, hash_gates, hash_panel
from chc_gating.errors import ConfigError, Fault

from .conftest import ACQUISITIONS, CONFIG, DRAWS, GATES, PANEL, write_batch

FaultsOf = Callable[[dict[str, str]], list[Fault]]
FILE = "config/config.yaml"


@pytest.mark.parametrize(
    ("old", "new", "line", "keys", "problem"),
    [
        ("draws:", "drawz:", 1, "draws", "is missing"),
        ("draws:", "settings: {strikt: true}\ndraws:", 1, "settings.strikt", "not a known key"),
        ("draws:", "settings: {min_events: -1}\ndraws:", 1, "settings.min_events", "at least 0"),
        ("draws:", "settings: {ring_um: 0}\ndraws:", 1, "settings.ring_um", "must be above 0"),
        ("draws:", "settings: {decimal: ';'}\ndraws:", 1, "settings.decimal", "not a value known"),
        ("draws:", "settings: {date_format: DD.MM}\ndraws:", 1, "settings.date_format", "needs %Y"),
        (
            "draws:",
            "settings: {limits: [results/limits/l.json]}\ndraws:",
            1,
            "settings.limits",
            "this batch's own results",
        ),
        ("draws:", "settings: {limits: [l.json]}\ndraws:", 1, "settings.limits", "no such file"),
        ("draws:", "settings: []\ndraws:", 1, "settings", "must be a mapping"),
        ("draws:", "draws: a\ndraws:", 2, "draws", "the key stands already in line 1"),
    ],
)
def test_a_fault_of_the_configuration_names_its_key(
    old: str, new: str, line: int, keys: str, problem: str, faults_of: FaultsOf
) -> None:
    fault, *_ = faults_of({FILE: CONFIG.replace(old, new, 1)})
    assert fault.file.endswith(FILE)
    assert (fault.row, fault.column) == (line, keys)
    assert problem in fault.problem


def test_a_sheet_that_does_not_exist_is_one_fault(faults_of: FaultsOf) -> None:
    (fault,) = faults_of({FILE: CONFIG.replace("draws.tsv", "drawz.tsv")})
    assert (fault.file, fault.problem) == ("config/drawz.tsv", "no such file")


def test_a_folder_that_does_not_exist_is_one_fault(faults_of: FaultsOf) -> None:
    (fault,) = faults_of({FILE: CONFIG + "panels: nowhere\n"})
    assert (fault.file, fault.problem) == ("nowhere", "no such folder")


def test_a_sheet_without_rows_is_a_fault(faults_of: FaultsOf) -> None:
    faults = faults_of({"config/acquisitions.tsv": ACQUISITIONS.splitlines()[0] + "\n"})
    assert [fault.problem for fault in faults] == ["has no row"]


def test_a_raw_file_that_is_missing_is_no_fault_of_the_configuration(tmp_path: Path) -> None:
    batch = load_batch(write_batch(tmp_path), directory=tmp_path)
    assert not (tmp_path / batch.acquisitions["p01t1"].file).exists()


def test_a_batch_tells_the_workflow_its_files_and_rows(tmp_path: Path) -> None:
    batch = load_batch(write_batch(tmp_path), directory=tmp_path)
    assert batch.panel_path("chc4") == Path("config/panels/chc4.yaml")
    assert batch.gates_path("chc") == Path("config/gates/chc.yaml")
    assert batch.acquisition_ids("flow") == ("p01t1", "p01t2")
    assert batch.acquisition_ids("image") == ()
    assert [row.acquisition for row in batch.acquisitions_of("P01-T1")] == ["p01t1"]
    assert batch.row_params("p01t1") == {
        "acquisition": "p01t1",
        "draw": "P01-T1",
        "modality": "flow",
        "file": "raw/p01 t1.fcs",
        "panel": "chc4",
        "gates": "chc",
        "fraction_stained": "0.8",
    }


def test_a_locale_changes_neither_rows_nor_hash(tmp_path: Path) -> None:
    plain = load_batch(write_batch(tmp_path / "a"), directory=tmp_path / "a")
    files = {
        FILE: CONFIG + "settings: {decimal: ',', date_format: '%d.%m.%Y'}\n",
        "config/draws.tsv": DRAWS.replace("7.5", "7,50")
        .replace("2026-01-31", "31.01.2026")
        .replace("2026-02-28", "28.02.2026")
        .replace("\t", ";"),
        "config/acquisitions.tsv": ACQUISITIONS.replace("0.8", "0,80"),
    }
    local = load_batch(write_batch(tmp_path / "b", files), directory=tmp_path / "b")
    assert local.draw_params("P01-T1") == plain.draw_params("P01-T1")
    assert hash_draw(local, "P01-T1") == hash_draw(plain, "P01-T1")


def test_the_order_of_rows_and_columns_changes_no_hash(tmp_path: Path) -> None:
    text = "acquisition\tdraw\tmodality\tfile\tpanel\tgates\n" + "".join(
        f"{name}\tP01-T1\tflow\traw/{name}.fcs\tchc4\tchc\n" for name in ("a", "b")
    )
    head, *rows = text.splitlines()
    turned = [line.split("\t")[::-1] for line in (head, *rows[::-1])]
    files = (
        {"config/acquisitions.tsv": text},
        {"config/acquisitions.tsv": "\n".join("\t".join(line) for line in turned)},
    )
    batches = [
        load_batch(write_batch(tmp_path / str(i), f), directory=tmp_path / str(i))
        for i, f in enumerate(files)
    ]
    assert hash_draw(batches[0], "P01-T1") == hash_draw(batches[1], "P01-T1")


def test_times_without_a_date_are_on_the_day_of_the_draw(tmp_path: Path) -> None:
    lines = DRAWS.splitlines()
    text = "\n".join(
        [f"{lines[0]}\tdrawn_at\treceived_at", f"{lines[1]}\t8:30\t2026-02-01 07:15", lines[2]]
    )
    config = write_batch(tmp_path, {"config/draws.tsv": text})
    cells = load_batch(config, directory=tmp_path).draw_params("P01-T1")
    assert cells["drawn_at"] == "2026-01-31 08:30:00"
    assert cells["received_at"] == "2026-02-01 07:15:00"


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        (
            "config/draws.tsv",
            "P01-T1\tP01\tpatient\t2026-01-31\t7.5",
            "P01-T1\tP01\tpatient\t2026-01-31\t8",
            {"P01-T1"},
        ),
        ("config/acquisitions.tsv", "t2.fcs\tchc4\tchc\t0.8", "t2.fcs\tchc4\tchc\t0.9", {"P01-T2"}),
        ("config/panels/chc4.yaml", "FSC-H: {role: scatter}", "FSC-H: {}", {"P01-T1", "P01-T2"}),
        ("config/gates/chc.yaml", "fixed: 3000", "fixed: 3001", {"P01-T1", "P01-T2"}),
        (FILE, "draws:", "settings: {min_events: 5}\ndraws:", {"P01-T1", "P01-T2"}),
        (FILE, "draws:", "settings: {strict: true}\ndraws:", set()),
        ("config/gates/chc.yaml", "populations:", "# a remark\npopulations:", set()),
    ],
)
def test_the_hash_of_a_draw_changes_with_what_its_numbers_depend_on(
    name: str, old: str, new: str, changes: set[str], tmp_path: Path
) -> None:
    config = write_batch(tmp_path)
    before = load_batch(config, directory=tmp_path)
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    after = load_batch(config, directory=tmp_path)
    assert {d for d in before.draws if hash_draw(before, d) != hash_draw(after, d)} == changes


def test_the_order_of_channels_and_populations_is_part_of_their_hash(tmp_path: Path) -> None:
    files = {
        "config/panels/chc4.yaml": PANEL.replace(
            "PE-A: {marker: EPCAM", "FITC-A: {marker: CK", 1
        ).replace(
            "FITC-A: {marker: CK, role: epithelial}\n  BV",
            "PE-A: {marker: EPCAM, role: epithelial}\n  BV",
        ),
        "config/gates/chc.yaml": GATES.replace("  CK: {fixed: 1500}\n", "").replace(
            "  VIA: {fixed", "  CK: {fixed: 1500}\n  VIA: {fixed"
        ),
    }
    one = load_batch(write_batch(tmp_path / "a"), directory=tmp_path / "a")
    two = load_batch(write_batch(tmp_path / "b", files), directory=tmp_path / "b")
    assert one.panels["chc4"].channels == two.panels["chc4"].channels
    assert hash_panel(one.panels["chc4"]) != hash_panel(two.panels["chc4"])
    assert hash_gates(one.gates["chc"]) != hash_gates(two.gates["chc"])


def test_one_draw_can_be_loaded_alone_with_the_spike_draws(tmp_path: Path) -> None:
    files = {
        "config/draws.tsv": DRAWS + "S1\tS1\tspike\t2026-01-01\t7.5\n",
        "config/acquisitions.tsv": ACQUISITIONS + "s1a\tS1\tflow\traw/s1.fcs\tchc4\tchc\t0.8\n",
    }
    config = write_batch(tmp_path, files)
    whole = load_batch(config, directory=tmp_path)
    alone = load_batch(config, directory=tmp_path, only_draw="P01-T2")
    assert list(alone.draws) == ["P01-T2", "S1"]
    assert list(alone.acquisitions) == ["p01t2", "s1a"]
    assert hash_draw(alone, "P01-T2") == hash_draw(whole, "P01-T2")


def test_a_draw_that_is_not_in_the_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"draws\.tsv, draw: no such draw \(it says 'P09'\)"):
        load_batch(write_batch(tmp_path), directory=tmp_path, only_draw="P09")


def test_loading_a_batch_imports_nothing_heavy() -> None:
    code = (
        "import sys, chc_gating.batch.configuration;"
        "print(*sorted(sys.modules.keys() & {'flowkit', 'pandas', 'scipy', 'matplotlib', 'numba', "
        "'pyarrow', 'skimage', 'cv2', 'tifffile'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_demo_batch_has_no_fault(repository: Path) -> None:
    batch = load_batch(repository / "config" / "config.yaml", directory=repository)
    assert len(batch.draws) >= 8
