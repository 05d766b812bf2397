"""Any text in a workspace is read, left out by name, or refused; nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chc_gating as chc
from chc_gating.errors import ChcError
from tests.flowjo.scene import COMP, MATRIX, STAINED, make_events, ours, write_tube
from tests.flowjo.workspace_files import (
    Sample,
    biex,
    boolean,
    ellipsoid,
    fasinh,
    linear,
    log,
    logicle,
    matrix,
    polygon,
    population,
    rectangle,
    write_workspace,
)

ODD = ["", "0", "-1", "1e400", "nan", "-1e308", "1e308", "x", "99999999999999999999", "\u0663"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("any")
    corners = [(20.0, 15.0), (90_000.0, 40.0), (60_000.0, 100_000.0)]
    foci, edge = [(100, 120), (160, 150)], [(190, 165), (70, 105), (108, 179), (152, 91)]
    tree = population(
        "Cells",
        rectangle({"FSC-A": (3.0e4, 2.0e5)}),
        population("P", polygon(("Comp-FITC-A", "Comp-PE-A"), corners), count=5),
        population("Q", polygon(("Comp-APC-A", "Time"), [(1, 1), (9e4, 2), (5e3, 50)])),
        population("E", ellipsoid(("Comp-FITC-A", "SSC-A"), foci, edge)),
        boolean("Not", "N", ["Cells/P"]),
        boolean("And", "A", ["Cells/P", "Cells/E"]),
    )
    kinds = [biex(width=-100.0), logicle(), fasinh(), log()]
    scales = dict(zip((*COMP, "FITC-A"), kinds, strict=True))
    scales |= {"SSC-A": linear(0.0, 2e5), "Time": linear(0.0, 60.0, gain=0.02)}
    sample = Sample("p1.fcs", [tree], matrix=matrix(STAINED, MATRIX.tolist()), scales=scales)
    path = write_workspace(folder / "study.wsp", [sample], groups={"G": ["p1.fcs"]})
    return path, write_tube(folder / "p1.fcs", make_events(200))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1), odd=st.sampled_from(ODD))
def test_an_odd_value_is_read_or_refused(study: tuple[Path, Path], place: float, odd: str) -> None:
    whole, tube = study
    text = whole.read_text(encoding="utf-8")
    pieces = text.split('"')
    values = range(1, len(pieces), 2)
    pieces[values[min(int(place * len(values)), len(values) - 1)]] = odd
    changed = whole.with_name("changed.wsp")
    changed.write_text('"'.join(pieces), encoding="utf-8")
    try:
        found = ours(changed, tube)
    except ChcError:
        return
    assert all(len(inside) == 200 for inside in found.values())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.wsp"
    path.write_bytes(data)
    with pytest.raises(ChcError):
        chc.load_gates(path)


def test_a_very_deep_tree_is_no_crash(tmp_path: Path) -> None:
    tree = population("P", rectangle({"FSC-A": (0.0, None)}))
    for _ in range(2000):
        tree = population("P", rectangle({"FSC-A": (0.0, None)}), tree)
    study = write_workspace(tmp_path / "study.wsp", [Sample("p1.fcs", [tree])])
    found = ours(study, write_tube(tmp_path / "p1.fcs", make_events(50)))
    assert len(found) == 64
