"""Places and the camera's gain against the truth of a simulated scan in two cycles."""

from __future__ import annotations

import pytest

from benchmarks.scan_table import ScanRun, compare_scan, table_lines


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ScanRun:
    return compare_scan(tmp_path_factory.mktemp("scan"))


def test_the_gain_of_every_channel_is_within_two_percent(run: ScanRun) -> None:
    print("\n".join(table_lines(run)))
    assert len(run.fields) == 5
    for field in run.fields:
        assert field.depth > 0.4
        assert field.largest < 0.02, field
        assert field.rms < 0.0075, field


def test_every_tile_lies_within_a_third_of_a_pixel(run: ScanRun) -> None:
    assert len(run.place_errors) == 2
    assert max(run.place_errors) < 1 / 3


def test_the_dark_level_is_near_the_cameras(run: ScanRun) -> None:
    assert abs(run.dark_level - 100) < 10
