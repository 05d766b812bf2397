"""The kernels that measuring cells calls, by their object code: see `kernels/objects.py`."""

from __future__ import annotations

from chc_gating.kernels.objects import Compiled

_ROOM = "chc_gating.kernels"

number_labels = Compiled(f"{_ROOM}.pixels_index", "number_labels")
rename_numbers = Compiled(f"{_ROOM}.pixels_index", "rename_numbers")
grow_labels = Compiled(f"{_ROOM}.pixels_ring", "grow_labels")
list_runs = Compiled(f"{_ROOM}.pixels_runs", "list_runs")
sort_runs = Compiled(f"{_ROOM}.pixels_runs", "sort_runs")
list_contacts = Compiled(f"{_ROOM}.pixels_runs", "list_contacts")
count_contacts = Compiled(f"{_ROOM}.pixels_runs", "count_contacts")
find_outside = Compiled(f"{_ROOM}.pixels_runs", "find_outside")
find_laplacian = Compiled(f"{_ROOM}.pixels_laplacian", "find_laplacian")
measure_shapes = Compiled(f"{_ROOM}.measure", "measure_shapes")
measure_focus = Compiled(f"{_ROOM}.measure", "measure_focus")
measure_grey_levels = Compiled(f"{_ROOM}.measure", "measure_grey_levels")
find_backgrounds = Compiled(f"{_ROOM}.background", "find_backgrounds")
count_levels = Compiled(f"{_ROOM}.background", "count_levels")
find_nearest = Compiled(f"{_ROOM}.nearest", "find_nearest")
survey_squares = Compiled(f"{_ROOM}.quality", "survey_squares")
