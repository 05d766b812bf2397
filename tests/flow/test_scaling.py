"""What is done to stored values is stated, once for each thing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, describe_channels, write_fcs

from chc_gating.flow.fcs import FcsFile, open_fcs
from chc_gating.stages.inspect_file import inspect_file

INTEGER: dict[str, str | None] = {"$DATATYPE": "I", **describe_channels(bits=16, limit="1024")}


def written(folder: Path, keywords: dict[str, str | None], data: bytes | None = None) -> FcsFile:
    return open_fcs(write_fcs(folder / "a.fcs", data, keywords=keywords))


def test_values_used_as_stored_have_no_line(tmp_path: Path) -> None:
    assert written(tmp_path, {"$P3N": "FITC-A"}).scaling == ()


def test_the_time_step_is_stated(tmp_path: Path) -> None:
    assert written(tmp_path, {}).scaling == ("Time: in seconds, 0.01 s a unit ($TIMESTEP)",)


def test_a_gain_is_stated_and_that_of_time_is_not(tmp_path: Path) -> None:
    fcs = written(tmp_path, {"$P1G": "4", "$P2G": "4", "$P3G": "0.01"})

    assert fcs.scaling[0] == "FSC-A, PE-A: divided by 4 ($PnG)"
    assert len(fcs.scaling) == 2


def test_masks_and_logarithms_are_stated(tmp_path: Path) -> None:
    data = np.arange(12, dtype="<u2").tobytes()
    fcs = written(tmp_path, INTEGER | {"$P1E": "4,1", "$TIMESTEP": None}, data)

    assert fcs.scaling == (
        "FSC-A, PE-A, Time: the lower 10 of 16 bits are data ($PnR, $PnB)",
        "FSC-A: linear again: 1 x 10^(4 x stored / 1024) ($PnE, $PnR)",
    )


def test_types_are_stated_where_they_differ(tmp_path: Path) -> None:
    mixed = np.zeros(4, dtype=[("a", "<f4"), ("b", "<u4"), ("c", "<f4")])
    keywords = {"$P2DATATYPE": "I", "$P2R": "4294967296", "$TIMESTEP": None}
    file = write_fcs(tmp_path / "a.fcs", mixed.tobytes(), keywords=keywords, version="3.2")

    assert open_fcs(file).scaling == (
        "FSC-A, Time: type F of 32 bits ($PnDATATYPE)",
        "PE-A: type I of 32 bits ($PnDATATYPE)",
    )


def test_time_is_scaled_once_though_its_amplification_is_logarithmic(tmp_path: Path) -> None:
    data = np.arange(12, dtype="<u2").tobytes()
    fcs = written(tmp_path, INTEGER | {"$P3E": "4,1"}, data)

    assert fcs.read("linear")[:, 2].tolist() == pytest.approx([0.02, 0.05, 0.08, 0.11])
    assert "Time: $PnE says logarithmic, but time is linear; not applied" in fcs.repairs


def test_inspect_states_the_scaling(tmp_path: Path) -> None:
    file = write_fcs(tmp_path / "a.fcs", EVENTS.astype("<f4").tobytes(), keywords={"$P1G": "4"})

    assert json.loads(inspect_file(file, as_json=True))["scaling"] == [
        "FSC-A: divided by 4 ($PnG)",
        "Time: in seconds, 0.01 s a unit ($TIMESTEP)",
    ]
    assert "scaling: FSC-A: divided by 4 ($PnG)\n" in inspect_file(file, as_json=False)
