"""Spillover from single-stained slides, from the files to spillover.json."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chc_gating.errors import ConfigError, RawFileError
from chc_gating.model.acquisition import SpilloverResult
from chc_gating.stages.spillover import read_spillover
from chc_gating.stages.spillover_of_controls import spillover_of_controls
from chc_gating.storage.records import read_record
from tests.imaging.image_scenes import write_tiff

NAMES = ("DAPI", "CD45", "EPCAM", "CK")
TRUE = np.array([[1, 0.012, 0, 0], [0, 1, 0.03, 0], [0, 0.008, 1, 0.04], [0, 0, 0.012, 1]])
PANEL = """\
modality: image
spillover: controls
channel_names: [DAPI, CD45, EPCAM, CK]
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  EPCAM: {marker: EPCAM, role: epithelial}
  CK: {marker: CK, role: epithelial}
"""


def write_single_stain(path: Path, channel: int, *, seed: int) -> Path:
    """Write a slide of cells with DNA, one stain, their own light, background and noise."""
    rng = np.random.default_rng(seed)
    dyes = np.zeros((4, 600, 600))
    yy, xx = np.mgrid[:50, :50] - 25
    distance = np.hypot(yy, xx)
    for k in range(144):
        y, x = (50 * part for part in divmod(k, 12))
        part = dyes[:, y : y + 50, x : x + 50]
        part[0] += rng.uniform(3000, 7000) * (distance < 9)
        part[channel] += rng.lognormal(8, 0.4) * (distance < 15) * (1 - distance / 40)
    own = 50 * (dyes[channel] > 0)
    light = np.tensordot(TRUE.T, dyes, axes=1) + 300
    light[1:] += own
    light += np.sqrt(2 * light) * rng.standard_normal(light.shape)
    write_tiff(path, np.clip(light, 0, 65535).astype(np.uint16))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controls")
    (folder / "if4.yaml").write_text(PANEL)
    for channel, name in enumerate(NAMES[1:], start=1):
        write_single_stain(folder / f"{name}.tif", channel, seed=channel)
    return folder


def slides(folder: Path, *names: str) -> list[tuple[str, Path]]:
    return [(name, folder / f"{name}.tif") for name in names]


def test_every_share_is_within_three_thousandths(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "spillover.json"
    spillover_of_controls(
        slides(folder, "CD45", "EPCAM", "CK"), panel=folder / "if4.yaml", output=output
    )
    found = read_spillover(output)
    assert found.channels == ("CD45", "EPCAM", "CK", "DAPI")
    expected = TRUE[np.ix_([1, 2, 3], [1, 2, 3])]
    assert np.abs(found.matrix[:3, :3] - expected).max() < 0.003
    assert found.matrix[3].tolist() == [0, 0, 0, 1]
    record = read_record(output, SpilloverResult)
    assert record.spillover is not None
    assert record.spillover.source == "single-stained slides of CD45, EPCAM, CK"
    assert record.spillover.condition_number < 1.2
    assert [file.role for file in record.inputs] == [
        "single_stain CD45",
        "single_stain EPCAM",
        "single_stain CK",
        "panel",
    ]
    assert all(file.sha256 for file in record.inputs)


def test_a_faulty_control_is_a_result_that_stops_its_acquisitions_only(
    folder: Path, tmp_path: Path
) -> None:
    broken = [*slides(folder, "CD45"), ("CK", tmp_path / "gone.tif")]
    output = tmp_path / "s.json"
    with pytest.raises(RawFileError, match=r"gone\.tif: no such file"):
        spillover_of_controls(broken, panel=folder / "if4.yaml", output=output)
    assert not output.exists()
    spillover_of_controls(broken, panel=folder / "if4.yaml", output=output, record_faults=True)
    with pytest.raises(RawFileError, match=r"gone\.tif: no such file"):
        read_spillover(output)


def test_no_control_and_an_unknown_marker_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="has no single_stain slide in this control set"):
        spillover_of_controls([], panel=folder / "if4.yaml", output=tmp_path / "s.json")
    with pytest.raises(ConfigError, match="HER2"):
        spillover_of_controls(
            [("HER2", folder / "CK.tif")], panel=folder / "if4.yaml", output=tmp_path / "s.json"
        )
