"""The stages segment and measure: whole files, and faults as results where that is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_scenes import PANEL, draw_discs, write_panel, write_tiff

from chc_gating.errors import ChcError, ConfigError, RawFileError
from chc_gating.imaging.records import Measurement, Segmentation
from chc_gating.stages.measure import measure
from chc_gating.stages.segment import segment
from chc_gating.storage.records import read_record
from chc_gating.storage.tables import read_table


def make_slide(folder: Path, **options: object) -> Path:
    dna, _ = draw_discs((150, 160), [(40, 40), (100, 110)], radius=9)
    return write_tiff(folder / "slide.tif", np.stack([dna, dna, dna]), **options)


def test_a_slide_is_segmented_and_measured(tmp_path: Path) -> None:
    slide, panel, out = make_slide(tmp_path), write_panel(tmp_path), tmp_path / "out"
    segment(slide, panel=panel, output=out)
    measure(slide, panel=panel, labels=out, output=out)
    assert sorted(p.name for p in out.iterdir()) == [
        "labels.tif",
        "measurement.json",
        "measurements.parquet",
        "segmentation.json",
        "tiles.parquet",
    ]
    segmentation = read_record(out / "segmentation.json", Segmentation)
    measurement = read_record(out / "measurement.json", Measurement)
    assert segmentation.slide is not None
    assert segmentation.slide.nuclei == measurement.cells == 2
    assert segmentation.slide.area_mm2 == pytest.approx(150 * 160 * 0.25 / 1e6)
    assert measurement.saturation == 65535
    assert segmentation.inputs[0].sha256 is not None
    assert measurement.inputs == segmentation.inputs


def test_the_sheets_pixel_size_reaches_both_stages(tmp_path: Path) -> None:
    slide, panel, out = make_slide(tmp_path), write_panel(tmp_path), tmp_path / "out"
    segment(slide, panel=panel, output=out, pixel_size_um=0.6, fingerprint=False)
    measure(slide, panel=panel, labels=out, output=out)
    record = read_record(out / "measurement.json", Measurement)
    assert record.slide is not None
    assert record.slide.pixel_size_um == 0.6
    assert len(record.repairs) == 1
    table = read_table(out / "measurements.parquet")
    np.testing.assert_allclose(
        table["area_um2"].to_numpy(), table["area_px"].to_numpy() * 0.36, rtol=1e-12
    )
    assert record.inputs[0].sha256 is None


@pytest.mark.parametrize("fault", ["missing", "no pixel size", "lacks a channel"])
def test_a_fault_inside_the_slide_is_a_result_where_it_is_recorded(
    tmp_path: Path, fault: str
) -> None:
    panel, out = write_panel(tmp_path), tmp_path / "out"
    if fault == "missing":
        slide = tmp_path / "gone.tif"
    elif fault == "no pixel size":
        slide = make_slide(tmp_path, resolution=None, resolutionunit=None)
    else:
        slide = make_slide(tmp_path)
        unnamed = "".join(line for line in PANEL.splitlines(True) if "channel_names" not in line)
        panel = write_panel(tmp_path, unnamed)
    with pytest.raises(RawFileError):
        segment(slide, panel=panel, output=out)
    assert list(out.glob("*")) == []
    segment(slide, panel=panel, output=out, record_faults=True)
    measure(slide, panel=panel, labels=out, output=out, record_faults=True)
    segmentation = read_record(out / "segmentation.json", Segmentation)
    measurement = read_record(out / "measurement.json", Measurement)
    assert segmentation.status == measurement.status == "not_counted"
    assert segmentation.reason == measurement.reason
    assert segmentation.reason is not None
    assert str(slide) in segmentation.reason
    table = read_table(out / "measurements.parquet")
    assert table.num_rows == 0
    assert "nucleus_sum:DAPI" in table.column_names


def test_a_slide_that_vanishes_between_the_stages_is_a_result(tmp_path: Path) -> None:
    slide, panel, out = make_slide(tmp_path), write_panel(tmp_path), tmp_path / "out"
    segment(slide, panel=panel, output=out)
    slide.unlink()
    with pytest.raises(RawFileError, match="no such file"):
        measure(slide, panel=panel, labels=out, output=out)
    measure(slide, panel=panel, labels=out, output=out, record_faults=True)
    assert read_record(out / "measurement.json", Measurement).status == "not_counted"


def test_a_panel_of_a_tube_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    panel = write_panel(tmp_path, "modality: flow\nchannels:\n  A: {role: dna}\n")
    with pytest.raises(ConfigError, match="modality image"):
        segment(make_slide(tmp_path), panel=panel, output=tmp_path / "out", record_faults=True)


def test_measure_before_segment_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ChcError, match="run the stage"):
        measure(
            make_slide(tmp_path),
            panel=write_panel(tmp_path),
            labels=tmp_path,
            output=tmp_path / "out",
        )


def test_nuclei_too_large_for_a_halo_are_refused_or_a_result(tmp_path: Path) -> None:
    slide, panel, out = make_slide(tmp_path), write_panel(tmp_path), tmp_path / "out"
    with pytest.raises(RawFileError, match="450 px are more than 200 px across"):
        segment(slide, panel=panel, output=out, pixel_size_um=0.02)
    segment(slide, panel=panel, output=out, pixel_size_um=0.02, record_faults=True)
    assert read_record(out / "segmentation.json", Segmentation).status == "not_counted"
