"""Densities: which are drawn, where their bins lie, what falls into them."""

from __future__ import annotations

import numpy as np
import pytest

from chc_gating.errors import ChcError
from chc_gating.gating import run
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.run import run_plan
from chc_gating.gating.scale import apply_scale, invert_scale, scale_of, space_edges
from chc_gating.model.imported_gates import DimensionScale
from chc_gating.model.panel import Panel, Transform
from tests.gating.scenes import make_events, make_gates, make_plan, make_stream

EVENTS = make_events(4000, seed=2)
SLIDE_PANEL = Panel.model_validate(
    {
        "name": "slide",
        "modality": "image",
        "channels": {
            "DAPI": {"role": "dna"},
            "CD45": {"marker": "CD45", "role": "leukocyte"},
            "CK": {"marker": "CK", "role": "epithelial"},
        },
    }
)


def test_every_gate_is_drawn_over_its_parent_and_the_markers_over_the_phenotype_population() -> (
    None
):
    drawn = [(d.population, d.x, d.y) for d in run_plan(make_stream(EVENTS), make_plan()).densities]
    assert drawn == [
        ("all", "FSC-A", "SSC-A"),
        ("intact", "FSC-A", "FSC-H"),
        ("all", "SSC-A", "FSC-A"),
        ("singlet", "BV421-A", "SSC-A"),
        ("viable", "APC-A", "PE-A"),
        ("viable", "APC-A", "FITC-A"),
    ]


def test_without_cuts_and_populations_all_events_are_drawn_in_every_pair_that_helps() -> None:
    gates = make_gates(populations={}, phenotype="all", cuts={}, phenotypes={})
    drawn = [(d.population, d.x.channel, d.y.channel) for d in make_plan(gates).densities]
    assert drawn == [
        ("all", "APC-A", "PE-A"),
        ("all", "APC-A", "FITC-A"),
        ("all", "FSC-A", "SSC-A"),
        ("all", "FSC-A", "FSC-H"),
        ("all", "APC-A", "BV421-A"),
    ]


def test_on_a_slide_without_cuts_every_marker_is_drawn_against_dna() -> None:
    gates = make_gates(populations={}, phenotype="all", cuts={}, phenotypes={})
    names = ("DAPI", "CD45", "CK")
    plan = compile_gates(SLIDE_PANEL, gates, channels=names, labels=(None,) * 3, spillover=None)
    drawn = [(d.population, d.x.channel, d.y.channel) for d in plan.densities]
    assert drawn == [("all", "CD45", "CK"), ("all", "DAPI", "CD45"), ("all", "DAPI", "CK")]


def test_a_dna_channel_of_a_tube_is_drawn_where_cuts_are_sought() -> None:
    channels = {"SSC-A": {"role": "scatter"}, "V450-A": {"role": "dna"}}
    panel = Panel.model_validate({"name": "p", "channels": channels})
    gates = make_gates(populations={}, phenotype="all", cuts={}, phenotypes={})
    names = ("SSC-A", "V450-A")
    plan = compile_gates(panel, gates, channels=names, labels=(None,) * 2, spillover=None)
    assert [(d.x.channel, d.y.channel) for d in plan.densities] == [("V450-A", "SSC-A")]


def test_a_density_is_numpys_histogram_of_the_finite_events_of_its_population() -> None:
    found = run_plan(make_stream(EVENTS, saturation=np.full(8, 2000.0)), make_plan())
    density = found.densities[0]
    x, y = EVENTS[:, 0].astype(float), EVENTS[:, 2].astype(float)
    both = np.isfinite(x) & np.isfinite(y)
    inside = np.nextafter(2000.0, 0)  # values beyond the edges fall into the outermost bins
    expected, _, _ = np.histogram2d(
        np.clip(y[both], 0, inside),
        np.clip(x[both], 0, inside),
        bins=(density.y_edges, density.x_edges),
    )
    np.testing.assert_array_equal(density.counts, expected)
    assert (density.x_scale, density.x_edges[0], density.x_edges[-1]) == ("linear", 0.0, 2000.0)


def test_fluorescence_is_spaced_on_the_panels_scale_from_below_zero_to_its_top() -> None:
    density = run_plan(make_stream(EVENTS), make_plan()).densities[4]
    assert density.x_scale == "logicle"
    assert -200 < density.x_edges[0] < 0
    assert density.x_edges[-1] == pytest.approx(262144.0)
    assert (np.diff(density.x_edges) > 0).all()


def test_a_detector_that_reaches_beyond_the_scale_stretches_it() -> None:
    stream = make_stream(EVENTS, saturation=np.full(8, 4_000_000.0))
    assert run_plan(stream, make_plan()).densities[4].x_edges[-1] == pytest.approx(4e6)


def test_every_stride_th_event_of_a_large_file_is_filled_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "DENSITY_EVENTS", 1500)
    gates = make_gates(populations={}, phenotype="all")
    found = run_plan(make_stream(EVENTS), make_plan(gates, spillover=None), batch_events=700)
    density = found.densities[0]
    finite = np.isfinite(EVENTS[::3, 3]) & np.isfinite(EVENTS[::3, 4])
    assert density.stride == 3
    assert density.counts.sum() == finite.sum()


def test_on_a_slide_edges_come_from_the_first_events() -> None:
    gates = make_gates(
        populations={"lit": {"rectangle": {"DAPI": [10, None]}}},
        phenotype="lit",
        cuts={"CD45": {"fixed": 50}, "CK": {"fixed": 50}},
        phenotypes={"CHC": "CD45+ and CK+"},
    )
    names = ("DAPI", "CD45", "CK")
    plan = compile_gates(SLIDE_PANEL, gates, channels=names, labels=(None,) * 3, spillover=None)
    cells = np.random.default_rng(0).gamma(2.0, 30.0, (2000, 3))
    stream = make_stream(
        cells, channels=names, labels=(None,) * 3, saturation=np.full(3, 65535.0), time_channel=None
    )
    densities = run_plan(stream, plan).densities
    assert [(d.population, d.x, d.y) for d in densities] == [
        ("all", "DAPI", "CD45"),
        ("lit", "CD45", "CK"),
    ]
    assert densities[1].x_scale == "asinh"
    assert densities[1].x_edges[-1] == pytest.approx(cells[:, 1].max())
    assert (np.diff(densities[1].x_edges) > 0).all()


@pytest.mark.parametrize("kind", ["linear", "log", "asinh", "logicle", "hyperlog"])
def test_the_top_of_every_scale_is_t(kind: str) -> None:
    transform = Transform.model_validate({"kind": kind, "t": 1000.0, "m": 4.0, "w": 0.5})
    assert invert_scale(np.array([1.0]), transform)[0] == pytest.approx(1000.0)
    edges = space_edges(transform, bins=16)
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("changes", [{"w": 3.0}, {"a": -1.0}, {"a": 4.0}])
def test_a_linear_part_wider_than_the_scale_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ChcError, match="do not fit together"):
        space_edges(Transform.model_validate(changes), bins=16)


def test_a_biexponential_scale_is_drawn_as_logicle() -> None:
    edges = space_edges(Transform(kind="biexponential"), bins=16)
    np.testing.assert_array_equal(edges, space_edges(Transform(), bins=16))


# FlowKit's lookup table of FlowJo's scale: 4096 channels, of which the last stands for the top
def test_a_biexponential_scale_is_flowjo_s_and_has_an_inverse() -> None:
    transform = Transform(kind="biexponential", m=4.42)
    linear = np.array([-100.0, 0.0, 300.0, 20000.0])
    placed = apply_scale(linear, scale_of(transform))
    assert ((placed > 0) & (placed < 1)).all()
    np.testing.assert_allclose(invert_scale(placed, transform), linear, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "log", "asinh", "logicle", "hyperlog", "biexponential"])
def test_a_value_that_is_not_finite_stays_so_on_every_scale(kind: str) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 100.0])
    placed = apply_scale(values, scale_of(Transform.model_validate({"kind": kind})))
    np.testing.assert_array_equal(placed[:3], values[:3])
    assert np.isfinite(placed[3])


def test_bounds_limit_what_has_a_place() -> None:
    scale = DimensionScale(kind="linear", t=100.0, bound_low=0.1, bound_high=0.9)
    placed = apply_scale(np.array([-5.0, 50.0, 500.0, np.inf]), scale)
    assert placed.tolist() == [0.1, 0.5, 0.9, np.inf]


# Gating-ML 2.0, section 6.3: fasinh(x, T, M, A) at T 1000, M 4, A 0 maps 0 to 0
def test_asinh_maps_zero_to_zero() -> None:
    transform = Transform(kind="asinh", t=1000.0, m=4.0)
    assert invert_scale(np.array([0.0]), transform)[0] == pytest.approx(0.0)


@pytest.mark.parametrize("kind", ["log", "asinh", "logicle", "hyperlog"])
def test_the_inverse_undoes_flowutils_own_scale(kind: str) -> None:
    from flowutils import transforms

    forward = getattr(transforms, kind)
    given = {"t": 262144.0, "m": 4.5}
    if kind != "log":
        given["a"] = 0.0
    if kind in ("logicle", "hyperlog"):
        given["w"] = 0.5
    linear = np.array([1.0, 100.0, 5000.0, 100000.0])
    scaled = forward(linear.reshape(-1, 1).copy(), [0], **given)[:, 0]
    transform = Transform.model_validate({"kind": kind, **given})
    np.testing.assert_allclose(invert_scale(scaled, transform), linear, rtol=1e-9)
