"""Per channel, over all events: at saturation, not finite, at the lowest value."""

from __future__ import annotations

import numpy as np

from chc_gating.kernels.options import kernel


@kernel
def count_margins(n, column, threshold, in_block, saturated, nonfinite, lowest, at_lowest):  # type: ignore[no-untyped-def]
    """Add columns (m, n) to saturated, nonfinite and at_lowest (m,), and lower lowest (m,).

    threshold : (m,) the smallest stored values that are saturated. in_block : (m,) becomes the
    saturated events of this block.
    """
    for c in range(column.shape[0]):
        stored, low, top = column[c], column.dtype.type(lowest[c]), threshold[c]
        over, odd, less, equal = np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0)
        for i in range(n):
            x = stored[i]
            over += np.uint32(x >= top)
            odd += np.uint32(x - x != 0)
            less += np.uint32(x < low)
            equal += np.uint32(x == low)
        in_block[c] = over
        saturated[c] += over
        if odd != 0 or less != 0:
            _count_lowest(n, stored, c, nonfinite, lowest, at_lowest)
        else:
            at_lowest[c] += equal


@kernel
def _count_lowest(n, stored, c, nonfinite, lowest, at_lowest):  # type: ignore[no-untyped-def]
    """Add a channel's values (n,) where some are not finite, or lower than all before."""
    for i in range(n):
        x = np.float64(stored[i])
        if not np.isfinite(x):
            nonfinite[c] += 1
        elif x < lowest[c]:
            lowest[c] = x
            at_lowest[c] = 1
        elif x == lowest[c]:
            at_lowest[c] += 1
