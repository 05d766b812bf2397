"""Panels: what is wrong is told in one line, with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chc_gating.batch.fingerprints import hash_panel
from chc_gating.batch.panels import load_panel
from chc_gating.errors import ConfigError, Fault
from chc_gating.model.segmentation import DEFAULT_METHOD

from .conftest import PANEL

FaultsOf = Callable[[dict[str, str]], list[Fault]]
FILE = "config/panels/chc4.yaml"
VIABILITY = "{marker: VIA, role: viability}"

WRONG = [
    (VIABILITY, "{marker: VIA, role: viabel}", 8, "channels.BV421-A.role", "not a value known"),
    (VIABILITY, "{marker: VIA, roll: viability}", 8, "channels.BV421-A.roll", "not a known key"),
    (VIABILITY, "{marker: V IA, role: viability}", 8, "channels.BV421-A.marker", "allowed form"),
    (VIABILITY, "{marker: 7, role: viability}", 8, "channels.BV421-A.marker", "is a text"),
    (VIABILITY, "{marker: true, role: viability}", 8, "channels.BV421-A.marker", "true or false"),
    (VIABILITY, "{marker: VIA, measure: ring}", 8, "channels.BV421-A.measure", "slides only"),
    (VIABILITY, "{marker: VIA, statistic: median}", 8, "channels.BV421-A.statistic", "slides only"),
    (VIABILITY, VIABILITY + "\n  X: {role: epithelial}", 9, "channels.X.role", "needs a marker"),
    ("modality: flow", "modality: flow\nspillover: controls", 2, "spillover", "is not built"),
    ("modality: flow", "modality: flow\nspilover: none", 2, "spilover", "is not a known key"),
    ("modality: flow", "modality: flow\nname: other", 2, "name", "is not a known key"),
    ("modality: flow", "modality: flow\nspillover: m.csv", None, "spillover", "no such spillover"),
    ("modality: flow", "modality: flow\nchannel_names: [A]", 2, "channel_names", "slides only"),
    ("modality: flow", "modality: flow\ntransform: {t: -1}", 2, "transform.t", "must be above 0"),
    ("PE-A:", "APC-A:", 6, "APC-A", "the key stands already in line 5"),
    ("channels:", "channels: [", 4, None, "YAML syntax error"),
]


@pytest.mark.parametrize(("old", "new", "line", "keys", "problem"), WRONG)
def test_a_fault_in_a_panel_is_told_once_with_its_line(
    old: str, new: str, line: int | None, keys: str | None, problem: str, faults_of: FaultsOf
) -> None:
    assert old in PANEL
    (fault,) = faults_of({FILE: PANEL.replace(old, new, 1)})
    assert (fault.file, fault.row, fault.column) == (FILE, line, keys)
    assert problem in fault.problem
    assert "\n" not in str(fault)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "chc4\n"])
def test_a_file_without_keys_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"is empty|must hold keys"):
        load_panel(path)


def test_words_that_yaml_1_1_takes_for_booleans_and_numbers_are_text(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("channels:\n  488: {marker: NO}\n  12:30: {marker: on}\n  010: {}\n")
    panel = load_panel(path)
    assert panel.markers == {"NO": "488", "on": "12:30"}
    assert list(panel.channels) == ["488", "12:30", "010"]


def test_a_slide_needs_a_nuclear_channel(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("modality: image\nchannels:\n  CK: {marker: CK, role: epithelial}\n")
    with pytest.raises(ConfigError, match=r"row 2, channels: a slide needs a nuclear channel"):
        load_panel(path)


def test_channel_names_hold_every_channel(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "modality: image\nchannel_names: [DAPI, CD45]\n"
        "channels:\n  DAPI: {role: dna}\n  CK: {marker: CK}\n"
    )
    with pytest.raises(ConfigError, match=r"row 5, channels\.CK: is not one of channel_names"):
        load_panel(path)


def test_no_object_of_python_is_made_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("channels: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ConfigError, match="YAML syntax error"):
        load_panel(path)


SLIDE = "modality: image\nchannels:\n  DAPI: {role: dna}\n"


def test_a_slide_says_how_nuclei_are_found_and_a_tube_does_not(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(SLIDE + "segmentation: {nucleus_um: 7}\n")
    choice = load_panel(path).segmentation
    assert choice is not None
    assert (choice.method, choice.nucleus_um) == (DEFAULT_METHOD, 7)
    path.write_text("channels:\n  A: {}\n")
    assert load_panel(path).segmentation is None
    path.write_text("channels:\n  A: {}\nsegmentation: {method: watershed}\n")
    with pytest.raises(ConfigError, match="slides only"):
        load_panel(path)


def test_a_panel_without_segmentation_means_the_default_method(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(SLIDE)
    unsaid = load_panel(path)
    path.write_text(SLIDE + f"segmentation: {{method: {DEFAULT_METHOD}}}\n")
    assert hash_panel(load_panel(path)) == hash_panel(unsaid)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("{method: external, tool: cellpose}", "needs tool and weights"),
        ("{weights: w.pt}", "weights is for method external"),
        ("{method: otsu}", "not a value known"),
        ("{nucleus_um: 0}", "must be at least 2"),
    ],
)
def test_settings_of_segmentation_that_do_not_fit_are_refused(
    settings: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(SLIDE + f"segmentation: {settings}\n")
    with pytest.raises(ConfigError, match=problem):
        load_panel(path)
