"""Spillover: where it is read from, and its inverse.

Tables are read by `compensation.table`, which brings all that reads sheets; so it is not here.
"""

from chc_gating.compensation.invert import condition_number, invert_spillover
from chc_gating.compensation.keyword import spillover_from_keyword

__all__ = [
    "condition_number",
    "invert_spillover",
    "spillover_from_keyword",
]
