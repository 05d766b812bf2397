"""The ND2 reader, with a stand-in for nd2.ND2File: no small real file may be shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chc_gating.errors import RawFileError
from chc_gating.imaging.slide import open_slide

nd2 = pytest.importorskip("nd2")

PIXELS = np.random.default_rng(0).integers(0, 4000, (2, 50, 60)).astype(np.uint16)
SIZES = {"P": 2, "C": 2, "Y": 50, "X": 60}


def write_frame_of_file(folder: Path) -> Path:
    """Write the first and the last bytes of an ND2, which are checked before nd2 is asked."""
    path = folder / "slide.nd2"
    path.write_bytes(
        b"\xda\xce\xbe\x0a" + bytes(200) + b"ND2 CHUNK MAP SIGNATURE 0000001!" + bytes(8)
    )
    return path


def stand_in(
    monkeypatch: pytest.MonkeyPatch, *, sizes: Mapping[str, int] = SIZES, um: float = 0.325
) -> None:
    class File:
        def __init__(self, path: Path) -> None:
            self.sizes = dict(sizes)
            self.dtype = np.dtype(np.uint16)
            self.attributes = SimpleNamespace(bitsPerComponentSignificant=12)
            self.metadata = SimpleNamespace(
                channels=[
                    SimpleNamespace(channel=SimpleNamespace(name=name)) for name in ("DAPI", "CK")
                ]
            )

        def voxel_size(self) -> Any:
            return SimpleNamespace(x=um, y=um, z=1.0)

        def read_frame(self, index: int) -> np.ndarray:
            return PIXELS + np.uint16(index)

        def close(self) -> None:
            pass

    monkeypatch.setattr(nd2, "ND2File", File)


def test_a_position_is_chosen_by_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    with open_slide(write_frame_of_file(tmp_path), image=1) as slide:
        assert (slide.channels, slide.axes, slide.maximum) == (("DAPI", "CK"), "PCYX", 4095)
        assert slide.pixel_size_um == pytest.approx(0.325)
        np.testing.assert_array_equal(slide.read(1, 3, 9, 5, 50), PIXELS[1, 3:9, 5:50] + 1)


@pytest.mark.parametrize(("axis", "message"), [("T", "T axis"), ("Z", "Z axis"), ("S", "colour")])
def test_other_axes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axis: str, message: str
) -> None:
    stand_in(monkeypatch, sizes={axis: 3, **SIZES})
    with pytest.raises(RawFileError, match=message):
        open_slide(write_frame_of_file(tmp_path))


def test_a_file_without_its_last_bytes_is_refused(tmp_path: Path) -> None:
    path = write_frame_of_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RawFileError, match="ends before its pixels do"):
        open_slide(path)


def test_bytes_that_are_no_nd2_are_refused_by_the_real_package(tmp_path: Path) -> None:
    with pytest.raises(RawFileError, match="its ND2 structure is damaged"):
        open_slide(write_frame_of_file(tmp_path))


def test_the_older_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.nd2"
    path.write_bytes(b"\x00\x00\x00\x0cjP  " + bytes(100))
    with pytest.raises(RawFileError, match="older form"):
        open_slide(path)
