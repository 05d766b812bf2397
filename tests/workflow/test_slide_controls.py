"""A slide's spillover from single-stained slides of its control set, through the workflow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from batch_files import read_counts, write_configuration
from run_workflow import Run, run_snakemake

from tests.imaging.image_scenes import write_tiff

FILES = {
    "config.yaml": "draws: config/draws.tsv\nacquisitions: config/acquisitions.tsv\n"
    "controls: config/controls.tsv\nsettings: {min_events: 20}\n",
    "draws.tsv": "draw\tpatient\tcohort\tcollected_on\tvolume_ml\n"
    "D1\tP1\tpatient\t2026-01-05\t2\nD2\tP2\tpatient\t2026-01-06\t2\n",
    "acquisitions.tsv": "acquisition\tdraw\tmodality\tfile\tpanel\tgates\tlot\tvolume_plated_ml\n"
    "A1\tD1\timage\traw/a1.tif\tif3\tchc\tL1\t.01\n"
    "A2\tD2\timage\traw/a2.tif\tif3\tchc\tL2\t.01\n",
    "controls.tsv": "control\tpanel\tcontrol_set\tkind\tmarker\tfile\n"
    "C1\tif3\tL1\tsingle_stain\tCD45\traw/cd45.tif\n"
    "C2\tif3\tL2\tsingle_stain\tCD45\traw/gone.tif\n",
    "panels/if3.yaml": "modality: image\nspillover: controls\nchannel_names: [DAPI, CD45, CK]\n"
    "channels:\n  DAPI: {role: dna}\n  CD45: {marker: CD45, role: leukocyte}\n"
    "  CK: {marker: CK, role: epithelial}\n",
    "gates/chc.yaml": "cuts: {CD45: {fixed: 1000}, CK: {fixed: 300}}\n"
    "phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}\n",
}


def write_slide(path: Path, *, hybrids: int) -> None:
    """Write 64 leukocytes whose CD45 shines into CK by a fifth; some carry CK."""
    rng = np.random.default_rng(5)
    image = np.full((3, 400, 400), 200.0)
    yy, xx = np.mgrid[:50, :50] - 25
    distance = np.hypot(yy, xx)
    for k in range(64):
        y, x = (50 * part for part in divmod(k, 8))
        stain = rng.uniform(3000, 6000) * (distance < 15) * (1 - distance / 40)
        image[0, y : y + 50, x : x + 50] += 5000 * (distance < 9)
        image[1, y : y + 50, x : x + 50] += stain
        image[2, y : y + 50, x : x + 50] += 0.2 * stain + 3000 * (k < hybrids) * (distance < 15)
    image += 10 * rng.standard_normal(image.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tiff(path, np.clip(image, 0, 65535).astype(np.uint16))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    batch = tmp_path_factory.mktemp("slide controls")
    write_configuration(batch, FILES)
    for name in ("a1.tif", "a2.tif"):
        write_slide(batch / "raw" / name, hybrids=5)
    write_slide(batch / "raw" / "cd45.tif", hybrids=0)
    run = run_snakemake(batch)
    assert run.returncode == 0, run.output
    return batch, run


def read_rows(batch: Path, draw: str) -> dict[str, dict[str, str]]:
    return {row["phenotype"]: row for row in read_counts(batch, draw)}


def test_leukocytes_that_shine_into_ck_are_no_hybrids(finished: tuple[Path, Run]) -> None:
    rows = read_rows(finished[0], "D1")
    assert (rows["CHC"]["count"], rows["leukocyte"]["count"]) == ("5", "59")
    folder = finished[0] / "results" / "acquisitions" / "A1"
    applied = json.loads((folder / "populations.json").read_text())["spillover"]
    assert applied["source"] == "single-stained slides of CD45"
    assert applied["matrix"][0][1] == pytest.approx(0.2, abs=0.01)
    path = finished[0] / "results" / "controls" / "if3" / "L1" / "spillover.json"
    assert json.loads(path.read_text())["spillover"] == applied


def test_a_control_set_without_its_slide_leaves_its_draws_not_counted(
    finished: tuple[Path, Run],
) -> None:
    rows = read_rows(finished[0], "D2")
    assert {row["status"] for row in rows.values()} == {"not_counted"}
    assert "gone.tif: no such file" in next(iter(rows.values()))["reason"]
