"""What a control supports: its false events, scaled to the depth of a sample."""

from __future__ import annotations

import math

_CONFIDENCE = 0.95
_ZERO_UPPER95 = 3.0
"""The rule of three: no event among N bounds the share at 3 / N (95 %, one-sided)."""


def find_false_events_upper(false: int, control_events: float, sample_events: float) -> float:
    """Return the one-sided 95 % upper bound of the mean of false events in the sample.

    Examples
    --------
    >>> round(find_false_events_upper(0, 500_000, 1_800_000), 2)
    10.78
    """
    from scipy.special import gammaincinv

    return float(gammaincinv(false + 1, _CONFIDENCE)) * sample_events / control_events


def find_control_depth(sample_events: float, false_allowed: float) -> int:
    """Return the control's events that can bound a sample's false events at ``false_allowed``.

    N_control >= 3 N_sample / F, with no false event in the control.
    """
    return math.ceil(_ZERO_UPPER95 * sample_events / false_allowed)
