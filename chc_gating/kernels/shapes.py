"""Shapes in a plane of two values."""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel


@kernel
def find_inside_polygon(points, vertices, inside):  # type: ignore[no-untyped-def]
    """Fill inside (n,) with whether points (n, 2) lie in a polygon (v, 2).

    By the even-odd rule of Gating-ML 2.0: a part that the outline encloses twice is outside. Edges
    are half open, so that of two polygons with a common edge a point on it is in one. NaN and
    infinite points are outside.
    """
    last = vertices.shape[0]
    for i in range(points.shape[0]):
        x, y = points[i, 0], points[i, 1]
        if not (np.isfinite(x) and np.isfinite(y)):
            inside[i] = False
            continue
        crossings = 0
        for v in range(last):
            ax, ay = vertices[v, 0], vertices[v, 1]
            w = v + 1 if v + 1 < last else 0
            bx, by = vertices[w, 0], vertices[w, 1]
            side = (bx - ax) * (y - ay) - (x - ax) * (by - ay)
            if (ay <= y < by and side > 0) or (by <= y < ay and side < 0):
                crossings += 1
        inside[i] = crossings % 2 == 1
