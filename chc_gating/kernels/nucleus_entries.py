"""The kernels of the watershed, by their object code: see `kernels/objects.py`."""

from __future__ import annotations

from chc_gating.kernels.objects import Compiled

_ROOM = "chc_gating.kernels"

smooth_image = Compiled(f"{_ROOM}.pixels_smooth", "smooth_image")
measure_depth = Compiled(f"{_ROOM}.pixels_smooth", "measure_depth")
mean_box = Compiled(f"{_ROOM}.pixels_contrast", "mean_box")
find_contrast = Compiled(f"{_ROOM}.pixels_contrast", "find_contrast")
climb_once = Compiled(f"{_ROOM}.watershed", "climb_once")
join_maxima = Compiled(f"{_ROOM}.watershed", "join_maxima")
label_basins = Compiled(f"{_ROOM}.watershed", "label_basins")
keep_nuclei = Compiled(f"{_ROOM}.watershed", "keep_nuclei")
count_seeds = Compiled(f"{_ROOM}.watershed", "count_seeds")
