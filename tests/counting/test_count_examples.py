"""The examples in the docstrings of counting run and tell the truth."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["homogeneity", "intervals", "mixing", "live_share"])
def test_examples_of_a_module_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"chc_gating.counting.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
