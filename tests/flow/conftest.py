from __future__ import annotations

import pytest

from chc_gating.stages.warm import warm_reading


@pytest.fixture(scope="session", autouse=True)
def _kernels_are_compiled() -> None:
    """Compile what decodes integers before any test has its time taken."""
    warm_reading()
