from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.gates import load_gates
from chc_gating.batch.panels import load_panel
from chc_gating.simulate.batch import Rules
from chc_gating.simulate.recipe import FlowFile, SlideFile


@pytest.fixture(scope="session")
def rules(repository: Path) -> Callable[[str, str], Rules]:
    def read(panel_name: str, gates_name: str) -> Rules:
        panel = load_panel(repository / "config" / "panels" / f"{panel_name}.yaml")
        gates = load_gates(repository / "config" / "gates" / f"{gates_name}.yaml", panel=panel)
        return Rules(panel=panel, gates=gates)

    return read


@pytest.fixture
def tube() -> Callable[..., FlowFile]:
    def make(**changed: object) -> FlowFile:
        facts = {"file": "t.fcs", "patient": "P01", "panel": "chc4", "gates": "chc"}
        return FlowFile.model_validate({"modality": "flow", **facts, "events": 5000, **changed})

    return make


@pytest.fixture
def small_slide() -> Callable[..., SlideFile]:
    def make(**changed: object) -> SlideFile:
        facts = {"file": "s.ome.tif", "patient": "P01", "panel": "if4", "gates": "chc-slide"}
        size = {"width_px": 600, "height_px": 520, "tile_px": 128}
        planted = {"CHC_EPCAM_CK": 2, "CTC_CK": 1, "dim_hybrid": 1}
        return SlideFile.model_validate(
            {"modality": "image", **facts, **size, "planted": planted, **changed}
        )

    return make
