"""Units of the images that nuclei are found in.

Of plain Python, so that a process can use the kernels' object code without numba.
"""

from __future__ import annotations

WEIGHT_BITS = 10
"""Weights of a smoothing kernel sum to 2**WEIGHT_BITS."""

FRACTION_BITS = 4
"""A smoothed image carries this many binary places below one grey level."""

STEP, DIAGONAL, KNIGHT = 5, 7, 11
"""Chamfer lengths of one pixel across, of a diagonal and of a knight's move (Borgefors 1986)."""

DEPTH_FRAME = 2
"""Pixels around an image whose depth is measured: as far as a knight's move goes."""

OUTSIDE, UNKNOWN = -1, -2
"""Seeds of pixels that have none, or whose seed is not known yet."""
