"""Spillover: where it is read from, and its inverse."""

from chc_gating.compensation.invert import condition_number, invert_spillover
from chc_gating.compensation.keyword import spillover_from_keyword
from chc_gating.compensation.table import read_spillover_csv

__all__ = [
    "condition_number",
    "invert_spillover",
    "read_spillover_csv",
    "spillover_from_keyword",
]
