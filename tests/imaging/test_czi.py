"""Scenes of a CZI, written by pylibCZIrw itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.slide import open_slide

FIRST = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)
SECOND = FIRST[:50, :40] + 7000


def write_scenes(path: Path, *, second_at: tuple[int, int]) -> Path:
    """Write two scenes of one channel; the first begins at x -30, y 12, in two tiles."""
    library = pytest.importorskip("pylibCZIrw.czi")
    with library.create_czi(str(path)) as file:
        for x, pixels, scene in ((-30, FIRST[:, :50], 0), (20, FIRST[:, 50:], 0)):
            write_tile(file, pixels, (x, 12), scene=scene)
        write_tile(file, SECOND, second_at, scene=1)
        file.write_metadata(document_name="s", scale_x=5e-7, scale_y=5e-7)
    return path


def write_tile(
    file: object, pixels: NDArray[np.uint16], place: tuple[int, int], *, scene: int
) -> None:
    stack = np.ascontiguousarray(pixels)[..., np.newaxis]
    file.write(data=stack, location=place, plane={"C": 0}, scene=scene)  # type: ignore[attr-defined]


@pytest.mark.parametrize("second_at", [(500, -200), (20, 30)])
def test_every_scene_is_an_image_of_its_own(tmp_path: Path, second_at: tuple[int, int]) -> None:
    """The second one lies apart, or within the box of the first."""
    path = write_scenes(tmp_path / "s.czi", second_at=second_at)
    for image, pixels in enumerate((FIRST, SECOND)):
        with open_slide(path, image=image) as slide:
            assert slide.shape == pixels.shape
            height, width = pixels.shape
            assert np.array_equal(slide.read(0, 0, height, 0, width), pixels)
            assert np.array_equal(slide.read(0, 9, 31, 5, 38), pixels[9:31, 5:38])


def test_a_scene_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write_scenes(tmp_path / "s.czi", second_at=(500, 0))
    with pytest.raises(RawFileError, match="image"):
        open_slide(path, image=2)
