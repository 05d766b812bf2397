"""The kernels that gating calls, by their object code: see `kernels/objects.py`."""

from __future__ import annotations

from chc_gating.kernels.objects import Compiled

sweep = Compiled("chc_gating.kernels.sweep", "sweep")
compute_values = Compiled("chc_gating.kernels.density", "compute_values")
find_inside_polygon = Compiled("chc_gating.kernels.shapes", "find_inside_polygon")
