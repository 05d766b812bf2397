"""The script that runs tools of others: blocks, one label per nucleus, and clear refusals.

Stand-ins of the tools' own modules label by threshold; what is tested is everything around them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from run_workflow import run_snakemake
from small_batch import ACQUISITIONS, SLIDE_CELLS, SLIDE_PANEL, write_small_batch

from chc_gating.imaging.records import Segmentation
from chc_gating.storage.records import read_record

STAND_INS = {
    "cellpose": {
        "cellpose/__init__.py": "version = '3.1'\n",
        "cellpose/models.py": """
from scipy.ndimage import label
class CellposeModel:
    def __init__(self, gpu, pretrained_model):
        assert open(pretrained_model).read() == "w"
    def eval(self, image, diameter, channels, normalize):
        assert diameter == 18 and channels == [0, 0]
        assert normalize is False and image.dtype == "float32"
        return label(image > 0.5)[0], None, None
""",
    },
    "stardist": {
        "stardist/__init__.py": "",
        "stardist/models.py": """
from scipy.ndimage import label
class StarDist2D:
    def __init__(self, config, name, basedir):
        assert config is None and name == "weights"
    def predict_instances(self, image):
        assert image.dtype == "float32" and image.max() < 3
        return label(image > 0.5)[0], {}
""",
    },
    "instanseg": {
        "torch/__init__.py": "",
        "torch/jit.py": "def load(path): return path\n",
        "instanseg/__init__.py": """
import torch.jit
from scipy.ndimage import label
class InstanSeg:
    def __init__(self, model):
        assert model.endswith("weights")
    def eval_small_image(self, image, pixel_size, normalise):
        assert image.shape[0] == 1 and pixel_size == 0.5
        assert normalise is False and image.dtype == "float32"
        return label(image[0] > 0.5)[0][None, None].astype("float32"), None
""",
    },
}


def make_slide(folder: Path) -> tuple[Path, int]:
    """Write a dark slide of two blocks with bright squares, some of them on the seam."""
    image = np.full((200, 2500), 100, np.uint16)
    starts = [(y, x) for y in range(10, 180, 40) for x in range(8, 2470, 34)]
    for y, x in starts:
        image[y : y + 18, x : x + 18] = 1000
    path = folder / "slide.tif"
    tifffile.imwrite(path, np.stack([image, image]), photometric="minisblack")
    return path, len(starts)


def run(folder: Path, tool: str, slide: Path, **more: str) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).parents[2] / "workflow" / "scripts" / "segment_external.py"
    given = {
        "--tool": tool,
        "--weights": str(folder / "weights"),
        "--channel": "DAPI",
        "--nucleus-um": "9",
        "--pixel-size-um": "0.5",
        "--output": str(folder / "external.tif"),
        **more,
    }
    words = [word for pair in given.items() for word in pair]
    names = ["--channel-name", "DAPI", "--channel-name", "CD45"]
    return subprocess.run(
        [sys.executable, str(script), str(slide), *words, *names],
        env=os.environ | {"PYTHONPATH": str(folder / "modules")},
        capture_output=True,
        text=True,
        check=False,
    )


def write_stand_ins(folder: Path, tool: str) -> None:
    for name, text in STAND_INS[tool].items():
        path = folder / "modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "weights").write_text("w")


@pytest.mark.parametrize("tool", STAND_INS)
def test_each_nucleus_gets_one_label_across_blocks(tmp_path: Path, tool: str) -> None:
    write_stand_ins(tmp_path, tool)
    slide, nuclei = make_slide(tmp_path)
    done = run(tmp_path, tool, slide)
    assert done.returncode == 0, done.stderr
    labels = tifffile.imread(tmp_path / "external.tif")
    values, areas = np.unique(labels[labels > 0], return_counts=True)
    assert values.tolist() == list(range(1, nuclei + 1))
    assert (areas == 18 * 18).all()


def test_missing_weights_and_tools_are_refused_in_one_line(tmp_path: Path) -> None:
    slide, _ = make_slide(tmp_path)
    done = run(tmp_path, "cellpose", slide)
    assert done.returncode != 0
    assert "no such weights, and nothing downloads them" in done.stderr
    (tmp_path / "weights").write_text("w")
    done = run(tmp_path, "cellpose", slide)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("cellpose is not installed here")
    assert not (tmp_path / "external.tif").exists()


def test_a_slide_that_cannot_be_read_leaves_its_fault_to_segment(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("w")
    (tmp_path / "slide.tif").write_text("no TIFF")
    done = run(tmp_path, "cellpose", tmp_path / "slide.tif")
    assert done.returncode == 0
    assert "chc segment will say so" in done.stderr
    assert tifffile.imread(tmp_path / "external.tif").shape == (1, 1)


SLIDE = "P1-second-slide"
SEGMENTATION = f"results/acquisitions/{SLIDE}/segmentation.json"


def test_the_workflow_runs_a_tool_and_takes_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_batch(tmp_path)
    write_stand_ins(tmp_path, "cellpose")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    choice = "segmentation: {method: external, tool: cellpose, weights: weights}\n"
    (tmp_path / "config" / "panels" / "slide.yaml").write_text(SLIDE_PANEL + choice)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = run_snakemake(tmp_path, SEGMENTATION, path=path)
    assert done.returncode == 0, done.output
    record = read_record(tmp_path / SEGMENTATION, Segmentation)
    assert record.slide is not None
    assert record.slide.nuclei == sum(SLIDE_CELLS.values())
    stated = {"method": "external", "tool": "cellpose", "weights": "weights"}
    assert stated.items() <= record.parameters.items()
    assert [file.role for file in record.inputs] == ["raw", "panel", "labels", "weights"]
    assert record.inputs[3].sha256 is not None


def test_the_workflow_takes_labels_of_the_sheet_and_counts_without_a_missing_one(
    tmp_path: Path,
) -> None:
    write_small_batch(tmp_path)
    choice = "segmentation: {method: labels}\n"
    (tmp_path / "config" / "panels" / "slide.yaml").write_text(SLIDE_PANEL + choice)
    rows = [line.split("\t") for line in ACQUISITIONS.splitlines()]
    for row in rows:
        row.append("labels" if row[0] == "acquisition" else "")
        if row[0] == SLIDE:
            row[-1] = "raw/labels.tif"
    text = "".join("\t".join(row) + "\n" for row in rows)
    (tmp_path / "config" / "acquisitions.tsv").write_text(text, encoding="utf-8")
    done = run_snakemake(tmp_path, SEGMENTATION)
    assert done.returncode == 0, done.output
    assert read_record(tmp_path / SEGMENTATION, Segmentation).status == "not_counted"
    slide = tifffile.imread(tmp_path / "raw" / "P1-second.tif")
    labels = np.zeros(slide.shape[1:], np.uint16)
    labels[100:120, 100:120] = 1
    labels[200:220, 200:220] = 2
    tifffile.imwrite(tmp_path / "raw" / "labels.tif", labels)
    done = run_snakemake(tmp_path, SEGMENTATION)
    assert done.returncode == 0, done.output
    record = read_record(tmp_path / SEGMENTATION, Segmentation)
    assert record.slide is not None
    assert (record.status, record.slide.nuclei) == ("counted", 2)
