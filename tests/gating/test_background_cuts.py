"""Cuts from a slide's own negative majority or background."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
import pytest

from chc_gating.errors import ChcError, RawFileError
from chc_gating.gating.background_cuts import (
    PixelLevel,
    apply_rule,
    find_background_cuts,
    measure_majority,
)
from chc_gating.gating.compile import compile_gates
from chc_gating.gating.gates_above import gates_above
from chc_gating.model.events import EventStream
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Panel
from chc_gating.model.slide_cuts import BackgroundCut, expand_preset

PANEL = Panel.model_validate(
    {
        "name": "p",
        "modality": "image",
        "channels": {
            "DAPI": {"role": "dna"},
            "CD45": {"marker": "CD45", "role": "leukocyte"},
            "panCK": {"marker": "CK", "role": "epithelial"},
        },
    }
)


def gates(**cuts: object) -> Gates:
    return Gates.model_validate(
        {
            "name": "g",
            "populations": {"nucleated": {"rectangle": {"DAPI": [1000, None]}}},
            "phenotype": "nucleated",
            "cuts": {"CD45": {"fixed": 1000}, "CK": {"fixed": 1000}, **cuts},
            "phenotypes": {"CHC": "CD45+ and CK+", "CTC": "CD45- and CK+"},
        }
    )


def stream(cells: np.ndarray) -> EventStream:
    def batches(size: int) -> Iterator[np.ndarray]:
        for first in range(0, len(cells), min(size, 700)):
            yield cells[first : first + min(size, 700)]

    return EventStream(
        channels=tuple(PANEL.channels),
        labels=(None,) * 3,
        event_count=len(cells),
        factors=np.ones(3),
        saturation=np.full(3, np.inf),
        batches=batches,
    )


def slide(*, rare: int = 20, debris: int = 0, seed: int = 2) -> np.ndarray:
    """5,000 leukocytes whose CK is 100 +- 30, rare cells of CK 5,000, and debris of CK 900."""
    rng = np.random.default_rng(seed)
    leukocytes = rng.normal((8000, 3000, 100), (900, 400, 30), (5000, 3))
    hybrids = rng.normal((9000, 3000, 5000), (900, 400, 600), (rare, 3))
    scraps = rng.normal((300, 900, 900), (50, 90, 90), (debris, 3))
    return rng.permutation(np.concatenate([leukocytes, hybrids, scraps]))


BACKGROUND = {"background": {"k_sd": 3, "factor": 1.5}}


def test_the_cut_is_k_sd_above_the_median_of_the_negative_majority() -> None:
    cut = find_background_cuts(stream(slide()), PANEL, gates(CK=BACKGROUND))["CK"]
    # 1.5 * (100 + 3 * 30), known to a few percent from 5,000 cells
    assert cut.high == pytest.approx(285, rel=0.04)
    assert cut.low == cut.high
    assert cut.background is not None
    assert cut.background.level == pytest.approx(100, rel=0.02)
    assert cut.background.sd == pytest.approx(30, rel=0.05)
    assert cut.background.positive_share == pytest.approx(20 / 5020, abs=1e-4)
    assert not cut.background.doubtful


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 3.0), (0.001, 3.003), (0.01, 3.034), (0.05, 3.178), (0.2, 3.91)]
)
def test_positive_cells_move_a_cut_of_three_sd_as_the_manual_says(
    share: float, expected: float
) -> None:
    """Quantiles of a normal distribution as negatives; the numbers are their medians' own."""
    negative = NormalDist().inv_cdf
    values = [negative((i + 0.5) / 20_000) for i in range(20_000)]
    values += [100.0] * round(20_000 * share / (1 - share))
    centre, sd = measure_majority(np.array(values))
    assert centre + 3 * sd == pytest.approx(expected, abs=0.01)


def test_only_cells_of_the_phenotype_population_give_the_cut() -> None:
    clean = find_background_cuts(stream(slide()), PANEL, gates(CK=BACKGROUND))["CK"]
    dirty = find_background_cuts(stream(slide(debris=9000)), PANEL, gates(CK=BACKGROUND))["CK"]
    assert dirty.high == pytest.approx(clean.high, rel=1e-9)


def test_the_order_of_cells_changes_nothing() -> None:
    cells = slide()
    cut = find_background_cuts(stream(cells), PANEL, gates(CK=BACKGROUND))
    assert find_background_cuts(stream(cells[::-1]), PANEL, gates(CK=BACKGROUND)) == cut


def test_of_many_cells_every_so_many_th_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those in the phenotype population; 5,020 of 9,020, at most 1,500: every fourth."""
    monkeypatch.setattr("chc_gating.gating.background_cuts.SAMPLED_CELLS", 1500)
    cells = slide(debris=4000)
    cut = find_background_cuts(stream(cells), PANEL, gates(CK=BACKGROUND), threads=2)["CK"]
    values = cells[cells[:, 0] >= 1000, 2][::4]
    assert cut == apply_rule(
        BackgroundCut(k_sd=3, factor=1.5), values, marker="CK", channel="panCK"
    )


def test_a_band_is_in_multiples_of_the_cut() -> None:
    rule = {"background": {"k_sd": 3, "band": [0.7, 1.4]}}
    cut = find_background_cuts(stream(slide()), PANEL, gates(CK=rule))["CK"]
    assert cut.high / cut.low == pytest.approx(2.0)


def test_a_cut_over_pixels_is_above_the_local_background() -> None:
    levels = {"panCK": PixelLevel(background=400.0, sd=30.0)}
    rule = {"background": {"of": "pixels", "k_sd": 3, "factor": 1.5}}
    cut = find_background_cuts(stream(slide()), PANEL, gates(CK=rule), levels=levels)["CK"]
    assert cut.high == pytest.approx(1.5 * (400 + 90) - 400)


def test_pixels_that_were_not_measured_are_asked_for() -> None:
    rule = {"background": {"of": "pixels"}}
    with pytest.raises(ChcError, match="the background of panCK was not measured; run chc measure"):
        find_background_cuts(stream(slide()), PANEL, gates(CK=rule))


def test_a_majority_that_stains_is_seen() -> None:
    """Most cells of a blood slide carry CD45: their median is no background."""
    levels = {"CD45": PixelLevel(background=400.0, sd=30.0)}
    rule = {"background": {"k_sd": 3}}
    cut = find_background_cuts(stream(slide()), PANEL, gates(CD45=rule), levels=levels)["CD45"]
    assert cut.background is not None
    assert cut.background.positive_share < 0.01
    assert cut.background.doubtful


def test_more_than_half_positive_is_no_negative_majority() -> None:
    level = PixelLevel(background=100.0, sd=10.0)
    values = np.concatenate([np.full(49, 5.0), np.full(51, 500.0)])
    cut = apply_rule(BackgroundCut(of="pixels"), values, marker="CK", channel="panCK", level=level)
    assert cut.background is not None
    assert cut.background.positive_share == pytest.approx(0.51)
    assert cut.background.doubtful


def test_most_leukocytes_above_the_pixels_cut_of_cd45_are_no_doubt() -> None:
    levels = {"CD45": PixelLevel(background=400.0, sd=30.0)}
    rule = {"background": {"of": "pixels"}}
    cut = find_background_cuts(stream(slide()), PANEL, gates(CD45=rule), levels=levels)["CD45"]
    assert cut.background is not None
    assert cut.background.positive_share > 0.99
    assert not cut.background.doubtful


def test_the_majority_of_a_tiny_example_is_as_computed_by_hand() -> None:
    # median 3; distances of 3, 2, 1 below it are 0, 1, 2: their median 1
    assert measure_majority(np.array([1.0, 2.0, 3.0, 90.0, 95.0])) == (3.0, 1.4826)


def test_a_cell_without_a_value_is_left_out() -> None:
    cells = slide()
    cells[::10, 2] = np.nan
    cut = find_background_cuts(stream(cells), PANEL, gates(CK=BACKGROUND))["CK"]
    assert cut.background is not None
    assert cut.background.cells == 5020 - 502


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(RawFileError, match="cut of CK: 99 cells, fewer than the 100"):
        find_background_cuts(stream(slide()[:99]), PANEL, gates(CK=BACKGROUND))


def test_a_population_that_hangs_on_the_cut_itself_is_refused() -> None:
    looped = gates(CK=BACKGROUND).model_copy(
        update={
            "populations": Gates.model_validate(
                {"name": "g", "populations": {"nucleated": {"when": "CK-"}}}
            ).populations
        }
    )
    with pytest.raises(ChcError, match="population nucleated decides by CK itself"):
        find_background_cuts(stream(slide()), PANEL, looped)


def test_populations_that_stand_for_calls_are_kept_where_they_decide() -> None:
    populations = {
        "large": {"rectangle": {"DAPI": [1000, None]}},
        "bright": {"rectangle": {"CD45": [2000, None]}},
        "dim": {"rectangle": {"CD45": [None, 2000]}},
        "stained": {"parent": "large", "when": "CD45+"},
        "further": {"rectangle": {"panCK": [0, None]}},
    }
    rules = Gates.model_validate(
        {
            "name": "g",
            "populations": populations,
            "phenotype": "stained",
            "cuts": {"CK": BACKGROUND},
            "markers": {"CD45": {"positive": "bright", "negative": "dim"}},
            "phenotypes": {"CHC": "CD45+ and CK+"},
        }
    )
    above = gates_above(rules)
    assert set(above.populations) == {"large", "bright", "dim", "stained"}
    cells = slide()
    stained = (cells[:, 0] >= 1000) & (cells[:, 1] >= 2000)
    cut = find_background_cuts(stream(cells), PANEL, rules)["CK"]
    assert cut.background is not None
    assert cut.background.cells == np.count_nonzero(stained)
    # Where no rule names them, neither the populations nor the marker are needed.
    bare = rules.model_copy(update={"phenotype": "large"})
    assert set(gates_above(bare).populations) == {"large"}
    assert gates_above(bare).markers == {}
    assert find_background_cuts(stream(cells), PANEL, bare)["CK"].background is not None


def test_gates_without_such_cuts_read_nothing() -> None:
    assert find_background_cuts(stream(np.empty((0, 3))), PANEL, gates()) == {}


def test_a_plan_without_the_slides_cuts_is_refused() -> None:
    with pytest.raises(ChcError, match="found on a slide's cells"):
        compile_gates(
            PANEL,
            gates(CK=BACKGROUND),
            channels=tuple(PANEL.channels),
            labels=(None,) * 3,
            spillover=None,
        )


def test_the_preset_of_helen_is_its_rule() -> None:
    keratin, cd45 = expand_preset("helen", "epithelial"), expand_preset("helen", "leukocyte")
    assert (keratin.of, keratin.k_sd, keratin.factor) == ("pixels", 3.0, 1.5)
    assert (cd45.of, cd45.k_sd, cd45.factor) == ("pixels", 3.0, 1.0)
    assert keratin.fraction == cd45.fraction == 0.5


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        ({"background": {"fraction": 0.5}}, "write of: pixels"),
        ({"background": {"band": [1.2, 1.4]}}, "low <= 1 <= high"),
        ({"background": {}, "indeterminate": [1, 2]}, "takes its band as multiples"),
        ({"background": {}, "fixed": 3}, "give exactly one of"),
        ({"preset": "hellen"}, "Input should be 'helen'"),
    ],
)
def test_a_cut_that_makes_no_sense_is_refused(cut: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        gates(CK=cut)


@pytest.mark.parametrize(("k", "tail"), [(3, 1.349898e-3), (5, 2.866516e-7), (6, 9.865876e-10)])
def test_the_tail_of_a_normal_distribution_stands_beside_the_cut(k: int, tail: float) -> None:
    """Upper tails of the standard normal distribution."""
    values = np.array([1.0, 2.0, 3.0, 90.0, 95.0])
    cut = apply_rule(BackgroundCut(k_sd=k), values, marker="CK", channel="panCK")
    assert cut.background is not None
    assert cut.background.tail_share == pytest.approx(tail, rel=1e-6)
