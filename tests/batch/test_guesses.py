"""Guesses from names of channels and files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.batch.drafts import EXAMPLE_PANEL, draft_panel, write_gates, write_panel
from chc_gating.batch.gates import load_gates
from chc_gating.batch.guesses import (
    find_fluorochrome,
    guess_control,
    guess_role,
    guess_stained,
    make_id,
    make_marker,
)
from chc_gating.batch.panels import load_panel
from chc_gating.model.panel import Channel, Modality, Panel
from chc_gating.model.record import ID_PATTERN


@pytest.mark.parametrize(
    ("name", "marker", "modality", "role"),
    [
        ("FSC-A", None, "flow", "scatter"),
        ("Time", None, "flow", "time"),
        ("APC-A", "CD45", "flow", "leukocyte"),
        ("APC-A", "CD45RA", "flow", "other"),
        ("PE-A", "EpCAM", "flow", "epithelial"),
        ("panCK", "panCK", "image", "epithelial"),
        ("V450-A", "Zombie_Violet", "flow", "viability"),
        ("DAPI", "DAPI", "image", "dna"),
        ("DAPI-A", None, "flow", "other"),
        ("FITC-A", None, "flow", "other"),
    ],
)
def test_a_role_is_guessed_from_marker_and_name(
    name: str, marker: str | None, modality: Modality, role: str
) -> None:
    assert guess_role(name, marker, modality) == role


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("CD45", "CD45"),
        ("CD45 APC-Cy7", "CD45"),
        ("Na/K ATPase", "Na_K_ATPase"),
        ("7-AAD", "m_7_AAD"),
        ("", None),
        (None, None),
        ("channel 3", None),
        ("CD45RA", "CD45RA"),
        ("TCRgd BV421", "TCRgd"),
        ("FITC", None),
    ],
)
def test_a_marker_is_made_from_a_label(label: str | None, marker: str | None) -> None:
    assert make_marker(label) == marker


@pytest.mark.parametrize(
    ("label", "marker", "fluorochrome"),
    [
        ("CD45RO FITC", "CD45RO", "FITC"),
        ("CD3 BrV785", "CD3", "BrV785"),
        ("CD16 APC-Cy7", "CD16", "APC-Cy7"),
        ("CD57 PE-CF594", "CD57", "PE-CF594"),
        ("HLA-DR PE-Cy55", "HLA_DR", "PE-Cy55"),
        ("CD27 Qdot605", "CD27", "Qdot605"),
        ("APC-EpCAM", "EpCAM", "APC"),
        ("PE", None, "PE"),
        ("CD45", "CD45", None),
        ("HLA-DR", "HLA_DR", None),
        (None, None, None),
    ],
)
def test_a_label_is_a_marker_and_a_fluorochrome(
    label: str | None, marker: str | None, fluorochrome: str | None
) -> None:
    assert (make_marker(label), find_fluorochrome(label)) == (marker, fluorochrome)


def test_a_label_that_repeats_the_channel_names_no_marker() -> None:
    assert make_marker("FITC A", channel="FITC-A") is None


@pytest.mark.parametrize(
    ("stem", "kind"),
    [
        ("comp_Beads_Unstained", "unstained"),
        ("comp_Beads_FITC", "single_stain"),
        ("comp_PBMC_autofluo", "unstained"),
        ("P01 FMO EPCAM", "fmo"),
        ("isotype-PE", "isotype"),
        ("isolated_cells_P01", None),
        ("p01-t1", None),
        ("company", None),
    ],
)
def test_a_control_is_known_by_its_name(stem: str, kind: str | None) -> None:
    assert guess_control(stem) == kind


@pytest.mark.parametrize(
    ("stem", "marker"),
    [
        ("comp_PE-Cy7", "CD34"),
        ("comp_PE", "CD10"),
        ("fmo_cd10", "CD10"),
        ("comp_beads", None),
        ("comp_FITC", None),
        ("comp_Beads_APC", "CD3"),
        ("comp_BrV-785", "CD8"),
        ("special cd103", None),
    ],
)
def test_the_longest_name_in_a_file_name_is_the_stained_marker(
    stem: str, marker: str | None
) -> None:
    panel = Panel(
        name="p",
        channels={
            "PE-A": Channel(marker="CD10"),
            "PE-Cy7-A": Channel(marker="CD34"),
            "R 670/30-A": Channel(marker="CD3", fluorochrome="APC"),
            "V 780/60-A": Channel(marker="CD8", fluorochrome="BrV785"),
        },
    )
    assert guess_stained(stem, panel) == marker


@given(st.text(max_size=20), st.sets(st.text(max_size=5), max_size=4))
def test_an_id_is_valid_and_new(stem: str, taken: set[str]) -> None:
    import re

    name = make_id(stem, taken)
    assert re.fullmatch(ID_PATTERN, name)
    assert ".." not in name
    assert name.casefold() not in {other.casefold() for other in taken}


@pytest.mark.parametrize("channels", [("FSC-A", "B 530/30-A", "10: x", "true", "é #", 'a"b')])
def test_a_drafted_panel_reads_back(channels: tuple[str, ...], tmp_path) -> None:  # type: ignore[no-untyped-def]
    labels = (None, "CD45 FITC", "EpCAM", "CK", "NO", "CD45")
    panel = draft_panel("p", "flow", channels=channels, labels=labels, spillover="none")
    path = tmp_path / "p.yaml"
    path.write_text(write_panel(panel), encoding="utf-8")
    assert load_panel(path) == panel
    assert tuple(panel.channels) == channels


def test_drafted_gates_hold_phenotypes_and_no_cuts(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "g.yaml"
    path.write_text(write_gates(EXAMPLE_PANEL), encoding="utf-8")
    gates = load_gates(path, panel=EXAMPLE_PANEL)
    assert dict(gates.phenotypes) == {
        "CHC": "CD45+ and (EPCAM+ or CK+)",
        "CTC": "CD45- and (EPCAM+ or CK+)",
        "leukocyte": "CD45+ and EPCAM- and CK-",
    }
    assert not gates.cuts


def test_drafted_gates_of_a_slide_show_cuts_of_slides() -> None:
    panel = draft_panel(
        "p", "image", channels=("DAPI", "CD45", "CK"), labels=(None,) * 3, spillover="none"
    )
    text = write_gates(panel)
    assert "CK: {background: {k_sd: 3}}" in text
    assert "FSC-A" not in text
