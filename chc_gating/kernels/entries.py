"""The kernels that gating and the FCS reader call by their object code (`kernels/objects.py`)."""

from __future__ import annotations

from chc_gating.kernels.objects import Compiled

sweep = Compiled("chc_gating.kernels.sweep", "sweep")
compute_values = Compiled("chc_gating.kernels.density", "compute_values")
decode_bytes = Compiled("chc_gating.kernels.decode", "decode_bytes")
decode_words = Compiled("chc_gating.kernels.decode", "decode_words")
find_inside_polygon = Compiled("chc_gating.kernels.shapes", "find_inside_polygon")
