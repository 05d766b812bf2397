"""Real files of many instruments, against flowio where it is right, and against their truth."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from chc_gating.errors import RawFileError
from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.flow.volume import read_flow_facts

REAL_FILES = (
    "aurora/CellCounts5L_AB_01-INF041-09_01.fcs",
    "aurora/CellCounts5L_AB_01-ND050-01.fcs",
    "compdata/060909.001",
    "compdata/060909.005",
    "fcsparser/EY_2013-07-19_PBS_FCS_2.0_Custom_Without_Add_Well_A1.001.fcs",
    "fcsparser/EY_2013-07-19_PBS_FCS_3.1_Custom_Add_Well_A1.001.fcs",
    "fcsparser/EY_2013-07-19_PBS_FCS_3.1_Custom_Without_Add_Well_A1.001.fcs",
    "fcsparser/EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs",
    "fcsparser/FCS3.0_Custom_Compatible.fcs",
    "fcsparser/FCS_3.0_Fortessa_PBS_Specimen_001_A1_A01.fcs",
    "fcsparser/HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs",
    "fcsparser/SG_2014-09-26_Duplicate_Names.fcs",
    "fcsparser/Sample_Well_A02.fcs",
    "fcsparser/cyflow_cube_8.fcs",
    "fcsparser/facs_diva_test.fcs",
    "fcsparser/fcs1_cleaned.lmd",
    "flowio/100715.fcs",
    "flowio/3FITC_4PE_004.fcs",
    "flowio/B01 KC-A-W---91-US.fcs",
    "flowio/G11.fcs",
    "flowio/coulter.lmd",
    "flowio/variable_int_example.fcs",
    "gatingml/data1.fcs",
    "theFlowSpec/comp_PBMC_autofluo.fcs",
    "theFlowSpec/fullPanel_PBMC.fcs",
)


@pytest.fixture(scope="module")
def flow(shared_data: Path) -> Path:
    return shared_data / "flow"


def read_with_flowio(path: Path, *, preprocess: bool) -> np.ndarray:
    import flowio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = flowio.read_multiple_data_sets(path, ignore_offset_error=True)[0]
        if preprocess and "timestep" in data.text and not data.text["timestep"][:1].isdigit():
            data.text.pop("timestep")
        return data.as_array(preprocess=preprocess)


def without_time(fcs: FcsFile) -> list[int]:
    return [i for i in range(len(fcs.channels)) if i != fcs.layout.time_index]


@pytest.mark.parametrize("name", REAL_FILES)
def test_stored_values_are_those_of_flowio(flow: Path, name: str) -> None:
    assert np.array_equal(
        open_fcs(flow / name).read("stored"), read_with_flowio(flow / name, preprocess=False)
    )


@pytest.mark.parametrize("name", REAL_FILES)
def test_linear_values_but_time_are_those_of_flowio(flow: Path, name: str) -> None:
    fcs = open_fcs(flow / name)
    columns = without_time(fcs)

    expected = read_with_flowio(flow / name, preprocess=True)

    np.testing.assert_allclose(fcs.read()[:, columns], expected[:, columns], rtol=1e-14)


@pytest.mark.parametrize("name", REAL_FILES)
def test_batches_of_the_stream_are_the_linear_values(flow: Path, name: str) -> None:
    fcs = open_fcs(flow / name)
    stream = fcs.event_stream()

    streamed = np.concatenate([batch * stream.factors for batch in stream.batches(4999)])

    assert np.array_equal(streamed, fcs.read("linear"))


def test_quirk_files_give_their_truth_or_are_refused(flow: Path) -> None:
    truth = json.loads((flow / "quirks" / "truth.json").read_text())
    refused = []
    for name, expected in truth.items():
        try:
            fcs = open_fcs(flow / "quirks" / f"{name}.fcs")
        except RawFileError:
            refused.append(name)
            continue
        stored = fcs.read("stored")
        first = np.array(expected["first"], dtype=np.float64)
        assert fcs.event_count == expected["n"], name
        assert len(fcs.channels) == expected["cols"], name
        assert list(fcs.channels[:2]) == expected["names"][:2], name
        assert np.array_equal(stored[:, 0], first, equal_nan=True), name
    assert refused == ["42_truncated_file"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("02_enddata_plus1_both", "one byte too far"),
        ("04_header_99999999", "offsets of TEXT used"),
        ("06_split_header", "offsets of TEXT used"),
        ("07_no_begindata_kw", "no usable $BEGINDATA"),
        ("11_empty_value_last", "empty value"),
        ("21_latin1_kw", "Latin-1"),
        ("24_byteord_12", "$BYTEORD names fewer bytes"),
        ("32_pnr_float", "FSC-A: $PnR is not written as a whole number"),
        ("34_pnr_missing", "Time: no usable $PnR"),
        ("36_dup_names", "PE-A_2: its $PnN stands twice"),
        ("48_nextdata_eof", "$NEXTDATA points to no data set"),
    ],
)
def test_what_was_wrong_in_a_quirk_file_is_said(flow: Path, name: str, words: str) -> None:
    assert any(words in line for line in open_fcs(flow / "quirks" / f"{name}.fcs").repairs)


@pytest.mark.parametrize("name", ["corrupted.fcs", "sample_header.fcs"])
def test_what_holds_no_events_is_refused(flow: Path, name: str) -> None:
    with pytest.raises(RawFileError):
        open_fcs(flow / "fcsparser" / name)


@pytest.mark.parametrize("where", ["start", "stop"])
def test_offsets_that_differ_give_the_events_of_the_sound_twin(flow: Path, where: str) -> None:
    # flowio ships one file three times: sound, and with its first or last byte of DATA wrong.
    fcs = open_fcs(flow / "flowio" / f"data_{where}_offset_discrepancy_example.fcs")
    twin = open_fcs(flow / "flowio" / "variable_int_example.fcs")

    assert np.array_equal(fcs.read("stored"), twin.read("stored"))
    assert any("offsets of TEXT used" in line for line in fcs.repairs)
    assert fcs.channels == twin.channels


def test_the_second_data_set_of_a_list_mode_file_is_named(flow: Path) -> None:
    fcs = open_fcs(flow / "flowio" / "coulter.lmd")

    assert fcs.event_count == 18110
    assert any("begins at byte 363602" in line for line in fcs.repairs)


def test_saturated_side_scatter_of_the_leukaemia_sample(flow: Path) -> None:
    # 18,577 of 83,411 SSC-A values sit at the maximum of 262,143.
    stream = open_fcs(flow / "fcsparser" / "facs_diva_test.fcs").event_stream()
    column = stream.channels.index("SSC-A")

    saturated = sum(
        int((batch[:, column] * stream.factors[column] >= stream.saturation[column]).sum())
        for batch in stream.batches(10_000)
    )

    assert (saturated, stream.event_count) == (18_577, 83_411)


def test_the_tube_of_the_leukaemia_sample_lasts_under_two_minutes(flow: Path) -> None:
    # $PnG 0.01 beside $TIMESTEP 0.01: to apply both would give hundredths, not seconds.
    facts = read_flow_facts(open_fcs(flow / "fcsparser" / "facs_diva_test.fcs"))

    assert facts.duration_s == pytest.approx(104.743, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "volume_ul", "unit", "rate_ul_per_min"),
    [
        ("flowio/G11.fcs", 46.0, "nanolitres", 202),  # Attune; 184 by the clock
        ("flowio/B01 KC-A-W---91-US.fcs", 25.016, "nanolitres", 14.6),  # Accuri
        ("fcsparser/EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs", 10.666, "nanolitres", 25),
        ("fcsparser/cyflow_cube_8.fcs", 99.0, "nanolitres", 59),  # CyFlow
        ("aurora/CellCounts5L_AB_01-INF041-09_01.fcs", 30.35, "microlitres", 72),
        ("aurora/CellCounts5L_AB_01-INF105-09_01.fcs", 30.52, "microlitres", 73),
        ("aurora/CellCounts5L_AB_01-INF187-04_01.fcs", 30.65, "microlitres", 73),
        ("aurora/CellCounts5L_AB_01-INF187-04_02.fcs", 30.42, "microlitres", 73),
        ("aurora/CellCounts5L_AB_01-ND050-01.fcs", 30.59, "microlitres", 73),
    ],
)
def test_the_unit_of_a_real_volume(
    flow: Path, name: str, volume_ul: float, unit: str, rate_ul_per_min: float
) -> None:
    facts = read_flow_facts(open_fcs(flow / name))

    assert facts.volume_ul == pytest.approx(volume_ul)
    assert facts.volume_note is not None
    assert facts.volume_note.startswith(unit)
    assert facts.duration_s is not None
    assert volume_ul / facts.duration_s * 60 == pytest.approx(rate_ul_per_min, abs=0.6)


def test_a_file_opens_without_heavy_imports() -> None:
    import subprocess
    import sys

    heavy = "{'pandas', 'scipy', 'numba', 'flowio', 'flowkit', 'matplotlib', 'pyarrow'}"
    code = f"import sys, chc_gating.flow.fcs; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
