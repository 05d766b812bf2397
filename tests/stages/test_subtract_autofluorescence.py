"""Autofluorescent leukocytes are no hybrids, where an empty channel tells their light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chc_gating.batch.panels import load_panel
from chc_gating.errors import ConfigError
from chc_gating.model.acquisition import AcquisitionResult
from chc_gating.stages.gate_image import gate_image
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record
from tests.imaging.image_scenes import write_tiff

PANEL = """\
modality: image
channel_names: [DAPI, CD45, CK, empty]
channels:
  DAPI: {role: dna}
  CD45: {marker: CD45, role: leukocyte}
  CK: {marker: CK, role: epithelial}
  empty: {role: ROLE}
"""
GATES = """\
cuts: {CD45: {fixed: 1000}, CK: {fixed: 1000}}
phenotypes: {CHC: CD45+ and CK+, CTC: CD45- and CK+, leukocyte: CD45+ and CK-}
"""
SIDE, STEP = 18, 40


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """324 leukocytes of unlike autofluorescence, of which CK shows .8; six of them carry CK."""
    folder = tmp_path_factory.mktemp("autofluorescence")
    rng = np.random.default_rng(4)
    image = np.full((4, SIDE * STEP, SIDE * STEP), 200.0)
    yy, xx = np.mgrid[:STEP, :STEP] - STEP // 2
    nucleus, cell = np.hypot(yy, xx) < 8, np.hypot(yy, xx) < 14
    light = rng.lognormal(6.3, 0.8, SIDE * SIDE)
    for k in range(SIDE * SIDE):
        y, x = (STEP * part for part in divmod(k, SIDE))
        part = image[:, y : y + STEP, x : x + STEP]
        part[0] += 6000 * nucleus
        part[1] += 4000 * cell
        part[2] += (0.8 * light[k] + 3000 * (k % 54 == 0)) * cell
        part[3] += light[k] * cell
    image += rng.normal(0, 10, image.shape)
    write_tiff(folder / "slide.tif", np.clip(image, 0, 65535).astype(np.uint16))
    for role in ("other", "autofluorescence"):
        (folder / f"{role}.yaml").write_text(PANEL.replace("ROLE", role))
    (folder / "gates.yaml").write_text(GATES)
    segment(folder / "slide.tif", panel=folder / "other.yaml", output=folder)
    measure(folder / "slide.tif", panel=folder / "other.yaml", labels=folder, output=folder)
    return folder


def gate(folder: Path, role: str) -> AcquisitionResult:
    out = folder / f"gated-{role}"
    gate_image(
        folder,
        slide=folder / "slide.tif",
        panel=folder / f"{role}.yaml",
        gates=folder / "gates.yaml",
        output=out,
    )
    return read_record(out / "populations.json", AcquisitionResult)


def test_light_of_the_empty_channel_makes_no_hybrids(slide: Path) -> None:
    counted = {}
    for role in ("other", "autofluorescence"):
        counted[role] = {p.name: p.events for p in gate(slide, role).phenotypes}["CHC"]
    assert counted["other"] > 20
    assert counted["autofluorescence"] == 6


def test_the_fitted_multiple_stands_in_the_result(slide: Path) -> None:
    found = gate(slide, "autofluorescence").spillover
    assert found is not None
    assert found.channels == ("empty", "CK")
    assert found.matrix[0][1] == pytest.approx(0.8, rel=0.05)
    assert found.matrix[1] == (0.0, 1.0)
    assert "fitted on this slide's negative cells" in found.source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            PANEL.replace("ROLE", "autofluorescence").replace(
                "CK: {marker: CK, role: epithelial}", "CK: {role: autofluorescence}"
            ),
            "2 channels have role autofluorescence: CK, empty",
        ),
        (PANEL.replace("role: ROLE", "role: autofluorescence, marker: AF"), "has no marker"),
        ("channels: {FITC-A: {role: autofluorescence}}\n", "for slides only"),
    ],
)
def test_a_panel_says_it_of_one_empty_channel_of_a_slide(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_panel(tmp_path / "p.yaml")
