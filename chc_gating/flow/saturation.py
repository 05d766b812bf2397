"""At which value a channel is at its detector's maximum."""

from __future__ import annotations

import numpy as np

from chc_gating.flow.layout import Layout, Parameter
from chc_gating.model.events import FloatArray

_STEPS = 1024
"""$PnR of a float channel with fewer steps is a scale of its own, not a converter's range."""


def find_saturation(layout: Layout, factors: FloatArray, maxima: FloatArray) -> FloatArray:
    """Return (m,) linear values at and above which a channel is saturated; inf: not known.

    A converter with the range $PnR gives 0 to $PnR - 1 (BD 262,143, Attune 1,048,575, Accuri
    16,777,215); Aurora's top is $PnR itself. So a value from $PnR - 1 up is at the maximum; from
    $PnR up where a float range is below 1,024 (MACSQuant writes 1,000). Not known for Time, where
    there is no $PnR, and for floats whose values go beyond $PnR in the file, as MACSQuant's widths
    do: there $PnR is the range of a display.

    factors : (m,) from stored to linear.
    maxima : (m,) largest stored values of a sample of the file.
    """
    levels = [
        np.inf if i == layout.time_index else _level(p, factor, largest)
        for i, (p, factor, largest) in enumerate(
            zip(layout.parameters, factors, maxima, strict=True)
        )
    ]
    return np.array(levels, dtype=np.float64)


def _level(parameter: Parameter, factor: float, largest: float) -> float:
    limit = parameter.range
    if limit is None:
        return np.inf
    if parameter.data_type == "I":
        # Half a step below the top, so that no rounding of the scale hides a saturated value.
        top = min(limit, 2.0 ** (8 * parameter.width)) - 1.5
    elif largest > limit:
        return np.inf
    else:
        top = limit - 1 if limit >= _STEPS else limit
    if parameter.decades > 0:
        return float(parameter.log_zero * 10.0 ** (parameter.decades * top / limit))
    return float(top * factor)
