"""Cuts of slides and tubes from the FMO controls of their control sets, through the workflow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import flowio
import numpy as np
import pytest
from batch_files import read_counts, write_configuration
from run_workflow import Run, run_snakemake

from chc_gating.stages.check import check
from tests.imaging.image_scenes import write_tiff

FILES = {
    "config.yaml": "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"
    "controls: config/controls.tsv\nsettings: {min_events: 20}\n",
    "draws.tsv": "draw\tpatient\tcohort\tcollected_on\tvolume_ml\n"
    "D1\tP1\tpatient\t2026-01-05\t2\nD2\tP2\tpatient\t2026-01-06\t2\n"
    "D3\tP3\tpatient\t2026-01-06\t2\n",
    "acquisitions.tsv": "acquisition\tdraw\tmodality\tfile\tpanel\tgates\tlot\tcontrol_set\t"
    "volume_plated_ml\n"
    "A1\tD1\timage\traw/a1.tif\tif3\tchc\tL1\t\t.01\n"
    "A2\tD2\timage\traw/a2.tif\tif3\tchc\tL1\tday2\t.01\n"
    "A3\tD3\tflow\traw/a3.fcs\tflow2\ttube\t\t\t\n",
    "controls.tsv": "control\tpanel\tcontrol_set\tkind\tmarker\tfile\tpixel_size_um\n"
    "C1\tif3\tL1\tfmo\tCK\traw/fmo.tif\t0.5\nC2\tif3\tday2\tfmo\tCK\traw/gone.tif\t\n"
    "C3\tflow2\t\tfmo\tCK\traw/fmo.fcs\t\n",
    "panels/if3.yaml": "modality: image\nchannel_names: [DAPI, CD45, CK]\n"
    "segmentation: {method: watershed}\n"
    "channels:\n  DAPI: {role: dna}\n  CD45: {marker: CD45, role: leukocyte}\n"
    "  CK: {marker: CK, role: epithelial}\n",
    "panels/flow2.yaml": "spillover: none\nchannels:\n  FSC-A: {role: scatter}\n"
    "  APC-A: {marker: CD45, role: leukocyte}\n  PE-A: {marker: CK, role: epithelial}\n",
    "gates/tube.yaml": "populations: {beads: {rectangle: {FSC-A: [900, null]}}, "
    "large: {rectangle: {FSC-A: [300, null]}}}\nphenotype: large\n"
    "cuts: {CD45: {fixed: 1000}, CK: {fmo: {quantile: 0.9999, plus_sd: 3}}}\n"
    "phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}\n",
    "gates/chc.yaml": "cuts: {CD45: {fixed: 1000}, CK: {fmo: {quantile: 0.99, plus_sd: 3}}}\n"
    "phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}\n",
}
CUTOFFS = Path("results/controls/if3/L1/chc/cutoffs.json")


def write_slide(path: Path, *, hybrids: int, seed: int, says_size: bool = True) -> None:
    """Write 64 leukocytes with some light of their own in CK; some carry CK."""
    rng = np.random.default_rng(seed)
    image = np.full((3, 400, 400), 200.0)
    yy, xx = np.mgrid[:50, :50] - 25
    distance = np.hypot(yy, xx)
    for k in range(64):
        y, x = (50 * part for part in divmod(k, 8))
        image[0, y : y + 50, x : x + 50] += 5000 * (distance < 9)
        image[1, y : y + 50, x : x + 50] += rng.uniform(3000, 6000) * (distance < 15)
        own = rng.normal(300, 40) + 3000 * (k < hybrids)
        image[2, y : y + 50, x : x + 50] += own * (distance < 15)
    image += 10 * rng.standard_normal(image.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = {} if says_size else {"resolution": None, "resolutionunit": None}
    write_tiff(path, np.clip(image, 0, 65535).astype(np.uint16), **size)


def write_tube(path: Path, *, hybrids: int, seed: int) -> None:
    """Write 5,000 leukocytes, some of which carry CK."""
    rng = np.random.default_rng(seed)
    events = rng.normal((600, 3000, 100), (50, 300, 20), (5000, 3))
    events[:hybrids, 2] += 2000
    with path.open("wb") as file:
        flowio.create_fcs(
            file, events.astype(np.float32).ravel().tolist(), ["FSC-A", "APC-A", "PE-A"]
        )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    batch = tmp_path_factory.mktemp("cut controls")
    write_configuration(batch, FILES)
    for seed, name in enumerate(("a1.tif", "a2.tif")):
        write_slide(batch / "raw" / name, hybrids=5, seed=seed)
    write_slide(batch / "raw" / "fmo.tif", hybrids=0, seed=7, says_size=False)
    write_tube(batch / "raw" / "a3.fcs", hybrids=6, seed=3)
    write_tube(batch / "raw" / "fmo.fcs", hybrids=0, seed=4)
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output
    return batch, run


def read_rows(batch: Path, draw: str) -> dict[str, dict[str, str]]:
    return {row["phenotype"]: row for row in read_counts(batch, draw)}


def test_a_draw_is_counted_by_its_control_s_cut(finished: tuple[Path, Run]) -> None:
    batch, _ = finished
    rows = read_rows(batch, "D1")
    assert (rows["CHC"]["count"], rows["leukocyte"]["count"]) == ("5", "59")
    (cut,) = json.loads((batch / CUTOFFS).read_text())["cuts"]
    result = json.loads((batch / "results/acquisitions/A1/populations.json").read_text())
    applied = next(c for c in result["cuts"] if c["marker"] == "CK")
    assert applied["low"] == cut["low"] > 300
    assert applied["control"]["files"] == ["raw/fmo.tif"]
    assert applied["control"]["sample_events"] == 64
    assert "control_too_shallow" in rows["CHC"]["flags"]
    page = (batch / "results/draws/D1/report.html").read_text()
    assert "fmo control raw/fmo.tif: 0.99 quantile" in page


def test_a_tube_is_counted_by_its_control_s_cut(finished: tuple[Path, Run]) -> None:
    batch, _ = finished
    rows = read_rows(batch, "D3")
    assert (rows["CHC"]["count"], rows["leukocyte"]["count"]) == ("6", "4994")
    (cut,) = json.loads((batch / "results/controls/flow2/-/tube/cutoffs.json").read_text())["cuts"]
    assert cut["control"]["files"] == ["raw/fmo.fcs"]
    assert cut["control"]["events"] == 5000


def test_a_control_that_is_missing_leaves_its_draws_not_counted(
    finished: tuple[Path, Run],
) -> None:
    rows = read_rows(finished[0], "D2")
    assert {row["status"] for row in rows.values()} == {"not_counted"}
    assert "gone.tif: no such file" in next(iter(rows.values()))["reason"]


def test_the_check_finds_what_the_run_will_not(finished: tuple[Path, Run]) -> None:
    report = check(finished[0] / "config" / "config.yaml", directory=finished[0])
    assert report.run_faults == ()
    (fault,) = report.file_faults
    assert (fault.file, fault.row, fault.column) == ("config/controls.tsv", 3, "file")
    assert fault.value == "raw/gone.tif"
    assert report.warnings == ()


def test_an_edited_control_runs_its_own_draws_again(
    finished: tuple[Path, Run], tmp_path: Path
) -> None:
    batch = Path(shutil.copytree(finished[0], tmp_path / "batch"))
    assert "Nothing to be done" in run_snakemake(batch, "-n").output
    write_slide(batch / "raw" / "gone.tif", hybrids=0, seed=8)
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output
    jobs = [line for line in run.output.splitlines() if "wildcards:" in line]
    assert any("acquisition=A2" in line for line in jobs), run.output
    others = ("acquisition=A1", "acquisition=A3", "control=C1", "control_set=L1", "panel=flow2")
    assert not any(other in line for other in others for line in jobs)
    assert read_rows(batch, "D2")["CHC"]["count"] == "5"


def test_a_set_without_the_control_stops_the_run(
    finished: tuple[Path, Run], tmp_path: Path
) -> None:
    batch = tmp_path / "batch"
    shutil.copytree(finished[0] / "config", batch / "config")
    path = batch / "config" / "controls.tsv"
    path.write_text(path.read_text().replace("C2\tif3\tday2\tfmo\tCK", "C2\tif3\tday2\tfmo\tCD45"))
    run = run_snakemake(batch, "-n")
    assert run.returncode == 2, run.output
    assert (
        "config/acquisitions.tsv, row 3, control_set: gates chc take the cut of CK from the fmo "
        "control, and config/controls.tsv has none of panel if3 and control set day2 (it says "
        "'day2'); add its row to config/controls.tsv (kind fmo, marker CK), or correct the set"
    ) in run.output
