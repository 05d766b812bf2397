"""Stages of disease in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_STAGE = re.compile(r"(?:stage\s*)?(?:(0|[1-4])|(iv|i{1,3}))\s*[a-c]?[1-3]?", re.IGNORECASE)
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}


def order_stages(stages: Iterable[str]) -> Mapping[str, int] | None:
    """Return the step of every stage, 0 to 4, or None where one of them has no known order.

    Sub-stages share their stage's step.

    Examples
    --------
    >>> order_stages(["IV", "IIA", "stage 3"])
    {'IIA': 2, 'stage 3': 3, 'IV': 4}
    >>> order_stages(["early", "late"])
    """
    steps: dict[str, int] = {}
    for stage in stages:
        found = _STAGE.fullmatch(stage.strip())
        if found is None:
            return None
        arabic, roman = found.groups()
        steps[stage] = int(arabic) if arabic else _ROMAN[roman.lower()]
    return dict(sorted(steps.items(), key=lambda one: (one[1], one[0])))
