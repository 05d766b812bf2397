"""Populations of a workspace, event by event: against FlowKit, and where it errs against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chc_gating as chc
from chc_gating.errors import ChcError, ConfigError
from chc_gating.stages.flowjo import choose_sample
from tests.flowjo.scene import (
    CHANNELS,
    COMP,
    MATRIX,
    OWN,
    STAINED,
    TIMESTEP,
    compensated,
    flowkits,
    make_events,
    ours,
    write_tube,
)
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

SPILL = matrix(STAINED, MATRIX.tolist())
CELLS = rectangle({"FSC-A": (30_000.0, 150_000.0), "SSC-A": (20_000.0, None)})


@pytest.fixture
def tube(tmp_path: Path) -> Path:
    return write_tube(tmp_path / "p1.fcs")


def write_study(tmp_path: Path, *tree: str, spill: str = SPILL, scale: str | None = None) -> Path:
    scales = {name: linear() for name in CHANNELS}
    scales |= {name: scale or logicle() for name in (*STAINED, *COMP)}
    sample = Sample("p1.fcs", tree, matrix=spill, scales=scales)
    return write_workspace(tmp_path / "study.wsp", [sample])


def count_equal(workspace: Path, tube: Path) -> dict[str, int]:
    """Assert that FlowKit and we agree on every event of every population; return the counts."""
    expected, found = flowkits(workspace, tube), ours(workspace, tube)
    assert len(found) == len(expected) + 1
    counts = {}
    for path, inside in expected.items():
        name = path if path in found else path.rpartition("/")[2]
        np.testing.assert_array_equal(found[name], inside, err_msg=path)
        counts[name] = int(inside.sum())
    return counts


@pytest.mark.parametrize(
    "scale",
    [logicle(), logicle(w=1.0, a=0.5), biex(), biex(width=-100.0, neg=1.0), fasinh(), log()],
    ids=["logicle", "logicle-a", "biex", "biex-neg", "asinh", "log"],
)
def test_nested_gates_on_compensated_channels_agree_with_flowkit(
    tmp_path: Path, tube: Path, scale: str
) -> None:
    corners = [(20.0, 15.0), (90_000.0, 40.0), (60_000.0, 100_000.0), (100.0, 30_000.0)]
    inner = population("pos", polygon(("Comp-FITC-A", "Comp-PE-A"), corners))
    outer = population("neg", polygon(("Comp-FITC-A", "Comp-PE-A"), corners, inside=False))
    high = population("APC+", rectangle({"Comp-APC-A": (1000.0, 100_000.0)}))
    gated = polygon(("FSC-A", "SSC-A"), [(3e4, 2e4), (15e4, 3e4), (14e4, 16e4), (2e4, 1e5)])
    tree = population("Cells", CELLS, population("Singlets", gated, inner, outer, high))
    counts = count_equal(write_study(tmp_path, tree, scale=scale), tube)
    assert all(n > 100 for n in counts.values()), counts


def test_a_compensated_parameter_is_compensated_with_the_workspaces_matrix(
    tmp_path: Path, tube: Path
) -> None:
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    found = ours(write_study(tmp_path, tree), tube)["PE+"]
    np.testing.assert_array_equal(found, compensated(tube)["Comp-PE-A"] >= 3000)
    assert (found != (compensated(tube, OWN)["Comp-PE-A"] >= 3000)).sum() > 100


def test_a_parameter_without_prefix_is_not_compensated_where_flowkit_compensates_it(
    tmp_path: Path, tube: Path
) -> None:
    study = write_study(tmp_path, population("raw PE+", rectangle({"PE-A": (3000.0, None)})))
    values = compensated(tube)
    np.testing.assert_array_equal(ours(study, tube)["raw PE+"], values["PE-A"] >= 3000)
    theirs = flowkits(study, tube)["/raw PE+"]
    np.testing.assert_array_equal(theirs, values["Comp-PE-A"] >= 3000)


def test_a_bound_above_the_scale_keeps_what_flowkit_loses(tmp_path: Path, tube: Path) -> None:
    """FlowKit clamps bound and value to the top of a biexponential, where neither is below."""
    tree = population("PE+", rectangle({"Comp-PE-A": (50.0, 900_000.0)}))
    events = make_events()
    events[:300, 4] = 500_000
    write_tube(tube, events)
    study = write_study(tmp_path, tree, scale=biex())
    inside = compensated(tube)["Comp-PE-A"]
    np.testing.assert_array_equal(ours(study, tube)["PE+"], (inside >= 50) & (inside < 900_000))
    assert not flowkits(study, tube)["/PE+"][:300].any()


def test_a_broken_spillover_of_the_file_does_not_matter_beside_the_workspaces(
    tmp_path: Path,
) -> None:
    tube = write_tube(tmp_path / "p1.fcs", spillover="2,FITC-A,PE-A,1,?")
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    found = ours(write_study(tmp_path, tree), tube)["PE+"]
    np.testing.assert_array_equal(found, compensated(tube)["Comp-PE-A"] >= 3000)


def test_the_scale_of_the_bare_parameter_serves_the_compensated_one(
    tmp_path: Path, tube: Path
) -> None:
    """FlowJo may store one scale for both; FlowKit always takes the bare parameter's."""
    corners = [(20.0, 15.0), (90_000.0, 40.0), (60_000.0, 100_000.0), (100.0, 30_000.0)]
    tree = population("pos", polygon(("Comp-FITC-A", "Comp-PE-A"), corners))
    scales = {name: biex(width=-100.0) for name in STAINED}
    study = tmp_path / "study.wsp"
    write_workspace(study, [Sample("p1.fcs", [tree], matrix=SPILL, scales=scales)])
    assert count_equal(study, tube)["pos"] > 100


def test_the_matrix_of_the_workspace_serves_a_sample_without_one(
    tmp_path: Path, tube: Path
) -> None:
    """As FlowKit's own export writes it, which then reads its gates as not compensated."""
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    sample = Sample("p1.fcs", [tree])
    study = write_workspace(tmp_path / "s.wsp", [sample], matrices=SPILL)
    found = ours(study, tube)["PE+"]
    np.testing.assert_array_equal(found, compensated(tube)["Comp-PE-A"] >= 3000)
    with pytest.raises(Exception, match="Comp-PE-A"):
        flowkits(study, tube)


def test_without_any_matrix_the_files_own_spillover_is_used(tmp_path: Path, tube: Path) -> None:
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    found = ours(write_study(tmp_path, tree, spill=""), tube)["PE+"]
    np.testing.assert_array_equal(found, compensated(tube, OWN)["Comp-PE-A"] >= 3000)


def test_a_result_says_where_a_matrix_comes_from_that_is_not_the_samples(
    tmp_path: Path, tube: Path
) -> None:
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    notes = {}
    for name, spill in (("none", ""), ("one", SPILL), ("two", SPILL + SPILL)):
        study = tmp_path / f"{name}.wsp"
        write_workspace(study, [Sample("p1.fcs", [tree])], matrices=spill)
        notes[name] = choose_sample(chc.load_gates(study), chc.open_fcs(tube)).notes
    assert notes == {
        "none": ("compensated with the file's own spillover: the workspace has no matrix",),
        "one": ("compensated with matrix Acquisition-defined: the workspace has no other",),
        "two": (
            "compensated with the file's own spillover: the workspace has 2 matrices, none of them "
            "the sample's",
        ),
    }


@pytest.mark.parametrize("name", ["uncompensated", "FCS"])
def test_a_matrix_may_have_any_name(tmp_path: Path, tube: Path, name: str) -> None:
    spill = matrix(STAINED, MATRIX.tolist(), name=name)
    tree = [population(n, rectangle({n: (3000.0, None)})) for n in ("Comp-PE-A", "PE-A")]
    found, values = ours(write_study(tmp_path, *tree, spill=spill), tube), compensated(tube)
    for parameter in ("Comp-PE-A", "PE-A"):
        np.testing.assert_array_equal(found[parameter], values[parameter] >= 3000)


def test_a_compensated_gate_without_any_matrix_is_left_out_and_refused_by_name(
    tmp_path: Path,
) -> None:
    bare = write_tube(tmp_path / "p1.fcs", spillover=None)
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    study = write_study(tmp_path, tree, population("Cells", CELLS), spill="")
    assert set(ours(study, bare)) == {"all", "Cells"}
    yaml = tmp_path / "g.yaml"
    yaml.write_text("file: study.wsp\nphenotype: PE+\n")
    with pytest.raises(ChcError, match=r"/PE\+ cannot be imported: PE-A is compensated"):
        chc.gate_events(chc.open_fcs(bare), chc.load_gates(yaml))


def test_a_file_that_flowjo_exported_is_not_compensated_twice(tmp_path: Path) -> None:
    from chc_gating.simulate.fcs import write_fcs

    events = make_events()[:, :3]
    path = tmp_path / "p1.fcs"
    names = ("FSC-A", "FITC-A", "FJComp-FITC-A")
    write_fcs(
        path, [events], channels=names, labels=(None,) * 3, event_count=len(events), keywords={}
    )
    tree = population("pos", rectangle({"FJComp-FITC-A": (1000.0, None)}))
    sample = Sample("p1.fcs", [tree], matrix=matrix(["FITC-A"], [[2.0]], prefix="FJComp-"))
    found = ours(write_workspace(tmp_path / "s.wsp", [sample]), path)["pos"]
    np.testing.assert_array_equal(found, events[:, 2] >= 1000)


@pytest.mark.parametrize(("prefix", "suffix"), [("Comp2-", ""), ("<", ">"), ("Comp::", "::X+(1)")])
def test_the_prefix_and_suffix_are_those_of_the_matrix(
    tmp_path: Path, tube: Path, prefix: str, suffix: str
) -> None:
    name = f"{prefix}PE-A{suffix}"
    tree = population("PE+", rectangle({name: (3000.0, None)}))
    escaped = prefix.replace("<", "&lt;"), suffix.replace(">", "&gt;")
    spill = matrix(STAINED, MATRIX.tolist(), prefix=escaped[0], suffix=escaped[1])
    found = ours(write_study(tmp_path, tree, spill=spill), tube)["PE+"]
    np.testing.assert_array_equal(found, compensated(tube)["Comp-PE-A"] >= 3000)


@pytest.mark.parametrize(
    "scale", [logicle(), biex(), linear(0.0, 5e3)], ids=["logicle", "biex", "linear"]
)
def test_an_ellipse_is_flowkits_polygon_but_for_its_rim(
    tmp_path: Path, tube: Path, scale: str
) -> None:
    """FlowKit has a polygon of 128 corners on the ellipse, which lies inside it by 0.03 %."""
    foci = [(100.0, 120.0), (160.0, 150.0)]
    centre, along = np.array([130.0, 135.0]), np.array([60.0, 30.0]) / np.hypot(60, 30)
    across = np.array([-along[1], along[0]])
    edge = [tuple(centre + d) for d in (60 * along, -60 * along, 49.7 * across, -49.7 * across)]
    tree = population("E", ellipsoid(("Comp-FITC-A", "Comp-PE-A"), foci, edge))
    study = write_study(tmp_path, tree, scale=scale)
    found, theirs = ours(study, tube)["E"], flowkits(study, tube)["/E"]
    assert theirs.sum() > 20
    assert not (theirs & ~found).any()
    assert (found & ~theirs).sum() <= 3


def test_an_ellipse_on_a_linear_display_that_does_not_start_at_zero(
    tmp_path: Path, tube: Path
) -> None:
    """A circle of 64 display units around the middle of a display from -1000 to 9000."""
    middle = [(128.0, 128.0), (128.0, 128.0)]
    edge = [(192.0, 128.0), (64.0, 128.0), (128.0, 192.0), (128.0, 64.0)]
    tree = population("E", ellipsoid(("Comp-FITC-A", "Comp-PE-A"), middle, edge))
    study = write_study(tmp_path, tree, scale=linear(-1000.0, 9000.0))
    found = ours(study, tube)["E"]
    values = compensated(tube)
    distance = np.hypot(values["Comp-FITC-A"] - 4000, values["Comp-PE-A"] - 4000)
    np.testing.assert_array_equal(found, distance <= 2500)
    assert found.sum() > 20
    with pytest.raises(Exception, match="Cannot determine major axis"):
        flowkits(study, tube)
    flat = population("E", ellipsoid(("Comp-FITC-A", "Comp-PE-A"), [(127, 128), (129, 128)], edge))
    theirs = flowkits(write_study(tmp_path, flat, scale=linear(-1000.0, 9000.0)), tube)["/E"]
    assert (theirs & found).sum() < found.sum() / 2


def test_boolean_gates_refer_by_path_and_stay_in_their_parent(tmp_path: Path, tube: Path) -> None:
    tree = population(
        "Cells",
        CELLS,
        population("PE+", rectangle({"Comp-PE-A": (3000.0, None)})),
        population("APC+", rectangle({"Comp-APC-A": (500.0, None)})),
        boolean("Not", "PE-", ["Cells/PE+"], population("below", CELLS)),
        boolean("And", "both", ["Cells/PE+", "Cells/APC+"]),
        boolean("Or", "any", ["Cells/PE+", "Cells/APC+"]),
    )
    counts = count_equal(write_study(tmp_path, tree), tube)
    assert counts["PE+"] + counts["PE-"] == counts["Cells"]
    assert counts["both"] + counts["any"] == counts["PE+"] + counts["APC+"]
    assert counts["below"] == counts["PE-"]


def test_a_population_with_a_slash_in_its_name_is_found_by_a_boolean(
    tmp_path: Path, tube: Path
) -> None:
    tree = population(
        "Cells",
        CELLS,
        population("PE/FITC+", rectangle({"Comp-PE-A": (3000.0, None)})),
        boolean("Not", "rest", ["Cells/PE/FITC+"]),
    )
    found = ours(write_study(tmp_path, tree), tube)
    np.testing.assert_array_equal(found["rest"], found["Cells"] & ~found["PE/FITC+"])


def test_repeated_names_are_told_apart_by_their_path(tmp_path: Path, tube: Path) -> None:
    low = population("CD45+", rectangle({"Comp-APC-A": (100.0, None)}))
    high = population("CD45+", rectangle({"Comp-APC-A": (5000.0, None)}))
    tree = [population("A", CELLS, low), population("B", CELLS, high)]
    found = ours(write_study(tmp_path, *tree), tube)
    assert set(found) == {"all", "A", "B", "/A/CD45+", "/B/CD45+"}
    assert found["/A/CD45+"].sum() > found["/B/CD45+"].sum() > 0


def test_a_nonfinite_value_is_in_neither_a_gate_nor_its_complement(
    tmp_path: Path, tube: Path
) -> None:
    events = make_events()
    events[:5, 4] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
    write_tube(tube, events)
    tree = [
        population("in", rectangle({"Comp-PE-A": (3000.0, None)})),
        population("out", rectangle({"Comp-PE-A": (3000.0, None)}, inside=False)),
        boolean("Not", "not", ["in"]),
    ]
    found = ours(write_study(tmp_path, *tree), tube)
    for name in ("in", "out", "not"):
        assert not found[name][:5].any(), name
    assert (found["in"] | found["out"])[5:].all()
    theirs = flowkits(tmp_path / "study.wsp", tube)
    assert theirs["/out"][0]
    assert theirs["/not"][0]


def test_flowjos_own_clock_is_undone(tmp_path: Path, tube: Path) -> None:
    """FlowJo multiplies ticks by the `gain` of Time; CytoML issue 356 has such a workspace."""
    tree = population("early", rectangle({"Time": (None, 12.5)}))
    sample = Sample("p1.fcs", [tree], scales={"Time": linear(0.0, 53.0, gain=0.005)})
    found = ours(write_workspace(tmp_path / "s.wsp", [sample]), tube)["early"]
    ticks = compensated(tube)["Time"] / TIMESTEP
    np.testing.assert_array_equal(found, ticks * 0.005 < 12.5)


def test_what_cannot_be_imported_is_left_out_with_what_needs_it(tmp_path: Path, tube: Path) -> None:
    odd = "<gating:CurlyQuad />"
    tree = [
        population("Cells", CELLS),
        population("odd", odd, population("below", CELLS)),
        boolean("Not", "not odd", ["odd"]),
        population("derived", rectangle({"Ratio": (1.0, None)})),
        population("miltenyi", polygon(("Comp-PE-A", "FSC-A"), [(1, 1), (2, 1), (2, 2)])),
    ]
    strange = '<transforms:miltenyi transforms:maxRange="262144">%s</transforms:miltenyi>'
    study = write_study(tmp_path, *tree, scale=strange)
    assert set(ours(study, tube)) == {"all", "Cells"}
    yaml = tmp_path / "g.yaml"
    yaml.write_text("file: study.wsp\nphenotype: below\n")
    with pytest.raises(ChcError, match="/odd cannot be imported: it is a gate of the kind Curly"):
        chc.gate_events(chc.open_fcs(tube), chc.load_gates(yaml))


def test_more_populations_than_fit_keep_those_that_are_named(tmp_path: Path, tube: Path) -> None:
    tree = [population(f"P{i}", CELLS) for i in range(80)]
    tree.append(population("last", CELLS, population("leaf", CELLS)))
    write_study(tmp_path, *tree)
    yaml = tmp_path / "g.yaml"
    yaml.write_text("file: study.wsp\nphenotype: /last/leaf\n")
    found = chc.gate_events(chc.open_fcs(tube), chc.load_gates(yaml))
    assert len(found) == 64
    assert {"last", "leaf", "P0", "P60"} <= set(found)


def test_a_spectral_matrix_is_refused_by_name(tmp_path: Path, tube: Path) -> None:
    tree = population("PE+", rectangle({"Comp-PE-A": (3000.0, None)}))
    spill = matrix(STAINED, MATRIX.tolist(), spectral=True)
    write_study(tmp_path, tree, spill=spill)
    yaml = tmp_path / "g.yaml"
    yaml.write_text("file: study.wsp\nphenotype: PE+\n")
    with pytest.raises(ChcError, match=r"compensated with a spectral matrix"):
        chc.gate_events(chc.open_fcs(tube), chc.load_gates(yaml))


def test_names_of_a_gates_file_are_checked_when_it_is_read(tmp_path: Path) -> None:
    write_study(tmp_path, population("A", CELLS, population("X", CELLS)), population("X", CELLS))
    yaml = tmp_path / "g.yaml"
    yaml.write_text("file: study.wsp\ngroup: none\n")
    with pytest.raises(ConfigError, match=r"g\.yaml, row 1, file: has no group none"):
        chc.load_gates(yaml)
    yaml.write_text("file: study.wsp\nphenotype: AA\n")
    with pytest.raises(ConfigError, match=r"row 2, phenotype: in no sample of study\.wsp: there"):
        chc.load_gates(yaml)
    yaml.write_text("file: study.wsp\nphenotype: X\n")
    with pytest.raises(ConfigError, match=r"2 populations are called X; write the path: /A/X, /X"):
        chc.load_gates(yaml)
    yaml.write_text("file: study.wsp\nphenotype: A/X\nnucleated: /X\n")
    assert chc.load_gates(yaml).awaits_sample
