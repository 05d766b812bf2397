"""`chc inspect`: what a reader sees, without a word that names a person."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fcs_files import EVENTS, float_bytes, write_fcs

from chc_gating.errors import RawFileError
from chc_gating.stages.inspect_file import inspect_file

PERSON = "Erika Mustermann"


def test_the_json_tells_what_a_reader_sees(tmp_path: Path) -> None:
    keywords = {"$P1S": "CD45", "$ABRT": "7", "$VOL": "1", "$BTIM": "10:00:00"}
    report = json.loads(
        inspect_file(write_fcs(tmp_path / "a.fcs", keywords=keywords), as_json=True)
    )

    assert report["version"] == "3.1"
    assert report["event_count"] == 4
    assert report["channels"] == ["FSC-A", "PE-A", "Time"]
    assert report["markers"] == ["CD45", None, None]
    assert report["data_type"] == "F32"
    assert report["repairs"] == []
    assert report["abort_events"] == 7
    assert report["lost_events"] is None
    assert report["duration_s"] == pytest.approx(0.07)


def test_extremes_and_mean_are_of_linear_values(tmp_path: Path) -> None:
    report = json.loads(inspect_file(write_fcs(tmp_path / "a.fcs"), as_json=True))

    row = report["values"][1]
    assert (row["channel"], row["min"], row["max"]) == ("PE-A", -2.25, 262143.0)
    assert row["mean"] == pytest.approx(EVENTS[:, 1].mean())
    assert (row["saturated"], row["nonfinite"]) == (1, 0)


def test_values_that_are_not_finite_are_counted_and_left_out(tmp_path: Path) -> None:
    events = EVENTS.copy()
    events[:, 0] = [np.nan, np.inf, 3.0, 5.0]
    events[:, 2] = np.nan
    report = json.loads(
        inspect_file(write_fcs(tmp_path / "a.fcs", float_bytes(events)), as_json=True)
    )

    first, _, time = report["values"]
    assert (first["min"], first["max"], first["mean"], first["nonfinite"]) == (3.0, 5.0, 4.0, 2)
    assert (time["min"], time["mean"], time["nonfinite"]) == (None, None, 4)


def test_an_empty_tube_has_no_extremes(tmp_path: Path) -> None:
    file = write_fcs(tmp_path / "a.fcs", b"", keywords={"$TOT": "0"})
    report = json.loads(inspect_file(file, as_json=True))

    assert report["event_count"] == 0
    assert report["values"][0]["min"] is None


@pytest.mark.parametrize("as_json", [True, False])
def test_keywords_that_may_name_a_person_are_not_shown(tmp_path: Path, as_json: bool) -> None:
    keys = ("$SRC", "$SMNO", "$CELLS", "$EXP", "$COM", "$FIL", "$OP", "$PROJ", "$INST", "$SYS")
    keys += ("$DATE", "$LAST_MODIFIER", "GUID", "$CYTSN", "$BTIM", "$ETIM")
    vendor = ("PATIENT ID", "SAMPLE ID", "TUBE NAME", "EXPERIMENT NAME", "EXPORT USER NAME")
    keywords = dict.fromkeys((*keys, *vendor), PERSON)

    text = inspect_file(write_fcs(tmp_path / "a.fcs", keywords=keywords), as_json=as_json)

    assert PERSON not in text


def test_the_text_has_a_row_per_channel_and_the_repairs(tmp_path: Path) -> None:
    text = inspect_file(write_fcs(tmp_path / "a.fcs", keywords={"$P1G": "x"}), as_json=False)

    assert "repair: FSC-A: $PnG is not a usable positive number; taken as 1" in text
    assert [line.split()[0] for line in text.splitlines()[-3:]] == ["FSC-A", "PE-A", "Time"]


def test_a_slide_tells_shape_pixel_size_and_channels(tmp_path: Path) -> None:
    import tifffile

    pixels = np.arange(2 * 30 * 40, dtype=np.uint16).reshape(2, 30, 40)
    pixels[1, 0, 0] = 65535
    file = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
        "Channel": {"Name": ["DAPI", "CD45"]},
    }
    tifffile.imwrite(file, pixels, metadata=metadata, photometric="minisblack")

    report = json.loads(inspect_file(file, as_json=True))

    assert report["modality"] == "image"
    assert report["shape_yx_px"] == [30, 40]
    assert report["pixel_size_um"] == 0.5
    assert report["channels"] == ["DAPI", "CD45"]
    assert [(row["min"], row["max"]) for row in report["values"]] == [(0, 1199), (1201, 65535)]
    assert [row["saturated"] for row in report["values"]] == [0, 1]
    assert "DAPI" in inspect_file(file, as_json=False)


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG....")

    with pytest.raises(RawFileError, match="not an image that can be read"):
        inspect_file(file, as_json=False)
    with pytest.raises(RawFileError, match="no such file"):
        inspect_file(tmp_path / "none.fcs", as_json=False)
    with pytest.raises(RawFileError, match="folder"):
        inspect_file(tmp_path, as_json=False)
