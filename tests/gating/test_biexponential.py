"""FlowJo's biexponential scale, number by number as FlowKit has it."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chc_gating.gating.biexponential import (
    apply_biexponential,
    invert_biexponential,
    tabulate_biexponential,
)
from chc_gating.model.imported_gates import DimensionScale


def make_scale(
    *, width: float = -10.0, neg: float = 0.0, pos: float = 4.418540, top: float = 262144.0
) -> DimensionScale:
    return DimensionScale(kind="biexponential", t=top, m=pos, a=neg, width_basis=width, high=1.0)


@pytest.mark.parametrize("width", [-1.0, -3.16, -10.0, -100.0, -1000.0])
@pytest.mark.parametrize("neg", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("top", [1000.0, 262144.000029, 4e6])
def test_the_table_is_flowkits(width: float, neg: float, top: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from flowkit._models.transforms._wsp_transforms import generate_biex_lut
    expected, positions = generate_biex_lut(neg=neg, width_basis=width, pos=4.5, max_value=top)
    table = tabulate_biexponential(make_scale(width=width, neg=neg, pos=4.5, top=top))
    np.testing.assert_allclose(table, expected, rtol=1e-12, atol=1e-12 * top)
    np.testing.assert_array_equal(positions, np.arange(4097))


def test_values_beyond_the_table_stand_at_its_ends() -> None:
    found = apply_biexponential(np.array([-1e9, 1e9]), make_scale())
    np.testing.assert_array_equal(found, [0.0, 1.0])


@given(st.floats(-100, 260_000), st.floats(-100, 260_000))
def test_the_scale_rises_and_can_be_undone(x: float, y: float) -> None:
    scale = make_scale(width=-100.0)
    low, high = sorted((x, y))
    placed = apply_biexponential(np.array([low, high]), scale)
    assert placed[0] <= placed[1]
    np.testing.assert_allclose(invert_biexponential(placed, scale), [low, high], atol=1e-6)


def test_flowkit_is_not_imported_for_it() -> None:
    import subprocess

    code = (
        "import sys; from chc_gating.gating.scale import apply_scale; import numpy as np; "
        "from chc_gating.model.imported_gates import DimensionScale as D; "
        "apply_scale(np.ones(2), D(kind='biexponential', width_basis=-10.0)); "
        "sys.exit('flowkit' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
