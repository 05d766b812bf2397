"""A label image that another tool made, opened for reading by region."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from chc_gating.errors import RawFileError
from chc_gating.imaging.blocks import Box
from chc_gating.imaging.closing import Closing
from chc_gating.imaging.layout import Plane
from chc_gating.imaging.plane_segments import SegmentCache
from chc_gating.imaging.planes import PagePlane, map_flat_planes

_AGAIN = "export the labels as a TIFF of uint32"


class LabelImageFile(Closing):
    """A TIFF of one whole number per pixel: 0 is background, any other a nucleus."""

    def __init__(self, path: Path, *, shape: tuple[int, int]) -> None:
        """Open the labels of a slide of ``shape`` (y, x); RawFileError where they do not fit."""
        self.path = Path(path)
        try:
            self._file = tifffile.TiffFile(path)
        except FileNotFoundError:
            raise RawFileError(
                f"{path}: no such label image; correct labels in the acquisitions sheet"
            ) from None
        except (IsADirectoryError, PermissionError):
            raise RawFileError(f"{path}: is a folder or may not be read; {_AGAIN}") from None
        except (MemoryError, OSError):
            raise
        except Exception:  # the parser may raise anything on bytes that are not TIFF
            raise RawFileError(f"{path}: not a TIFF that can be read; {_AGAIN}") from None
        try:
            self._plane = self._find_plane(shape)
        except (MemoryError, OSError, RawFileError):
            self.close()
            raise
        except Exception as error:  # tag parsing meets whatever bytes a damaged file has
            self.close()
            raise RawFileError(
                f"{path}: its TIFF structure is damaged ({type(error).__name__}); {_AGAIN}"
            ) from None

    def _find_plane(self, shape: tuple[int, int]) -> Plane:
        page: Any = self._file.pages.first
        form = page.keyframe
        series = self._file.series[0]
        if math.prod(series.shape) != form.imagelength * form.imagewidth:
            raise RawFileError(
                f"{self.path}: holds several planes or colours; labels are one plane of whole "
                f"numbers; {_AGAIN}"
            )
        dtype: np.dtype[Any] = np.dtype(form.dtype)
        if dtype.kind not in "ui":
            raise RawFileError(
                f"{self.path}: has pixels of type {dtype}; labels are whole numbers; {_AGAIN}"
            )
        if (form.imagelength, form.imagewidth) != shape:
            raise RawFileError(
                f"{self.path}: labels of {form.imagelength} x {form.imagewidth} px do not fit the "
                f"slide of {shape[0]} x {shape[1]} px; give the labels of this image at full "
                "resolution"
            )
        if form.is_memmappable and page.is_contiguous:
            return map_flat_planes(page, path=self.path)[0]
        return PagePlane(page, path=self.path, cache=SegmentCache())

    def read(self, box: Box) -> NDArray[Any]:
        """Return the labels of a box as stored, in native byte order."""
        return self._plane.read(box)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
