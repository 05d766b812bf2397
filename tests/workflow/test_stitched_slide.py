"""Raw tiles through the whole workflow, from a sheet that names a folder to counts.tsv.

The tonsil (nf-core's test data of mcmicro): nine overlapping tiles in each of three cycles; CD3 and
CD45RO are of the first cycle, pan-cytokeratin is of the second. One draw has the second cycle's
file cut short.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
from batch_files import read_counts, write_configuration
from run_workflow import Run, run_snakemake

from benchmarks.tonsil_table import PANEL, gather_tiles

DRAWS = """\
draw\tpatient\tcohort\tcollected_on\tvolume_ml
tonsil\tP1\tpatient\t2026-01-05\t2
broken\tP2\tpatient\t2026-01-06\t2
"""
ACQUISITIONS = """\
acquisition\tdraw\tmodality\tfile\tpanel\tgates\tvolume_plated_ml
tonsil-1\ttonsil\timage\traw/tonsil\ttonsil\ttonsil\t.01
broken-1\tbroken\timage\traw/broken\ttonsil\ttonsil\t.01
"""
GATES = """\
cuts: {CD45RO: {fixed: 3000}, CD3: {fixed: 1500}, CK: {fixed: 500}}
phenotypes:
  CHC: CD45RO+ and CK+
  CTC: CD45RO- and CK+
  leukocyte: CD45RO+ and CK-
  t_cell: CD45RO- and CD3+ and CK-
"""
CONFIG = """\
draws: config/draws.tsv
acquisitions: config/acquisitions.tsv
settings: {min_events: 20}
"""


@pytest.fixture(scope="module")
def finished(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    batch = tmp_path_factory.mktemp("stitched batch")
    data = shared_data / "image" / "tonsil"
    for name in ("tonsil", "broken"):
        gather_tiles(data, batch / "raw" / name)
    cut = batch / "raw" / "broken" / "cycif-tonsil-cycle2.ome.tif"
    cut.write_bytes(cut.read_bytes()[:1_000_000])
    texts = {
        "config.yaml": CONFIG,
        "draws.tsv": DRAWS,
        "acquisitions.tsv": ACQUISITIONS,
        "panels/tonsil.yaml": PANEL,
        "gates/tonsil.yaml": GATES,
    }
    write_configuration(batch, texts)
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output
    return batch, run


def test_markers_of_different_cycles_are_counted_in_one_cell(finished: tuple[Path, Run]) -> None:
    rows = read_counts(finished[0], "tonsil")
    assert {row["status"] for row in rows} == {"counted"}
    counts = {row["phenotype"]: int(row["count"]) for row in rows}
    print({name: count for name, count in counts.items() if count})
    folder = finished[0] / "results" / "acquisitions" / "tonsil-1"
    result = json.loads((folder / "populations.json").read_text())
    leaves = [name for name in counts if name not in ("CHC", "CTC")]
    assert sum(counts[name] for name in leaves) == result["slide"]["nuclei"] > 500
    assert min(counts[name] for name in ("CHC", "CTC", "leukocyte", "t_cell")) > 0
    assert counts["leukocyte"] > counts["CHC"]


def test_counts_follow_from_the_measured_cells(finished: tuple[Path, Run]) -> None:
    """The same rules in plain numpy, on the table of cells."""
    folder = finished[0] / "results" / "acquisitions" / "tonsil-1"
    cells = pyarrow.parquet.read_table(folder / "measurements.parquet").to_pydict()

    def level(name: str) -> list[float]:
        pairs = zip(cells[f"cell_mean:{name}"], cells[f"background:{name}"], strict=True)
        return [mean - background for mean, background in pairs]

    immune = [value >= 3000 for value in level("CD45RO")]
    tumour = [value >= 500 for value in level("Pan-cytokeratin")]
    expected = {
        "CHC": sum(i and t for i, t in zip(immune, tumour, strict=True)),
        "CTC": sum(t and not i for i, t in zip(immune, tumour, strict=True)),
        "leukocyte": sum(i and not t for i, t in zip(immune, tumour, strict=True)),
    }
    counts = {row["phenotype"]: int(row["count"]) for row in read_counts(finished[0], "tonsil")}
    assert {name: counts[name] for name in expected} == expected


def test_broken_tiles_leave_their_draw_not_counted_and_stop_no_other(
    finished: tuple[Path, Run],
) -> None:
    rows = read_counts(finished[0], "broken")
    assert {row["status"] for row in rows} == {"not_counted"}
    assert "cycif-tonsil-cycle2.ome.tif" in rows[0]["reason"]


def test_the_result_says_which_tiles_it_was_made_of(finished: tuple[Path, Run]) -> None:
    folder = finished[0] / "results" / "acquisitions" / "tonsil-1"
    stitching = json.loads((folder / "stitching.json").read_text())
    result = json.loads((folder / "populations.json").read_text())
    assert [file["path"] for file in stitching["files"]] == [
        f"raw/tonsil/cycif-tonsil-cycle{i}.ome.tif" for i in (1, 2, 3)
    ]
    assert result["inputs"][0] == stitching["inputs"][0]
    assert result["inputs"][0]["path"] == "raw/tonsil"
    assert result["inputs"][0]["sha256"]


def test_another_tile_runs_its_slide_again_and_no_other(
    finished: tuple[Path, Run], tmp_path: Path
) -> None:
    batch = Path(shutil.copytree(finished[0], tmp_path / "batch"))
    assert "Nothing to be done" in run_snakemake(batch).output
    (batch / "raw" / "tonsil" / "cycif-tonsil-cycle3.ome.tif").touch()
    planned = run_snakemake(batch, "--dry-run", "--quiet", "rules").output
    planned += run_snakemake(batch, "--dry-run").output
    assert "rule stitch" in planned
    assert "acquisition=tonsil-1" in planned
    assert "acquisition=broken-1" not in planned
