"""The grammar of a gates file: populations, cuts and phenotypes, as a user writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.record import MarkerName, Record

Bound = float | None
Scale = Literal["compensated", "raw", "transformed"]
ROOT = "all"


class Ratio(Record):
    """Numerator over denominator within [low, high); not finite means outside."""

    of: tuple[str, str]
    within: tuple[Bound, Bound]


class Polygon(Record):
    """A polygon in two channels, vertices as (x, y)."""

    of: tuple[str, str]
    vertices: tuple[tuple[float, float], ...] = Field(min_length=3)


class Ellipse(Record):
    """An ellipse in two channels: Mahalanobis distance squared at most ``distance_square``."""

    of: tuple[str, str]
    mean: tuple[float, float]
    covariance: tuple[tuple[float, float], tuple[float, float]]
    distance_square: float = Field(gt=0)


class Quadrant(Record):
    """One quadrant of two channels: each side of its divider."""

    of: tuple[str, str]
    dividers: tuple[float, float]
    sides: tuple[Literal["low", "high"], Literal["low", "high"]]


class Singlets(Record):
    """A fitted line of area against height, with its band in robust standard deviations."""

    of: tuple[str, str]
    band: float = Field(default=3.0, gt=0)


class PopulationGate(Record):
    """A population: its parent, and exactly one rule that its events satisfy."""

    parent: str = ROOT
    rectangle: Mapping[str, tuple[Bound, Bound]] | None = None
    ratio: Ratio | None = None
    when: str | None = None
    polygon: Polygon | None = None
    ellipse: Ellipse | None = None
    quadrant: Quadrant | None = None
    singlets: Singlets | None = None
    and_: tuple[str, ...] | None = Field(default=None, alias="and")
    or_: tuple[str, ...] | None = Field(default=None, alias="or")
    not_: str | None = Field(default=None, alias="not")
    scale: Scale = "compensated"

    @property
    def kind(self) -> str:
        """The one rule that is set, by the key that a user writes."""
        for key in RULE_KEYS:
            field = key + "_" if key in ("and", "or", "not") else key
            if getattr(self, field) is not None:
                return key
        raise AssertionError("validated: one rule is set")

    @model_validator(mode="after")
    def _one_rule(self) -> PopulationGate:
        given = [
            key
            for key in RULE_KEYS
            if getattr(self, key + "_" if key in ("and", "or", "not") else key) is not None
        ]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"give exactly one of {', '.join(RULE_KEYS)}; found {found}")
        return self


RULE_KEYS = (
    "rectangle",
    "ratio",
    "when",
    "polygon",
    "ellipse",
    "quadrant",
    "singlets",
    "and",
    "or",
    "not",
)


class ControlCut(Record):
    """A cut taken from a control: a quantile of its events plus so many robust SDs."""

    quantile: float | None = Field(default=None, gt=0, lt=1)
    plus_sd: float | None = Field(default=None, ge=0)


class Cut(Record):
    """Where a marker turns positive; ``indeterminate`` is the band [low, high) around it."""

    fixed: float | None = None
    fmo: ControlCut | None = None
    isotype: ControlCut | None = None
    unstained: ControlCut | None = None
    donors: ControlCut | None = None
    indeterminate: tuple[float, float] | None = None
    scale: Literal["compensated", "transformed"] = "compensated"

    @model_validator(mode="after")
    def _one_source(self) -> Cut:
        given = [k for k in CUT_SOURCES if getattr(self, k) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"give exactly one of {', '.join(CUT_SOURCES)}; found {found}")
        if self.indeterminate is not None and not self.indeterminate[0] < self.indeterminate[1]:
            raise ValueError("indeterminate must be [low, high] with low below high")
        if (
            self.fixed is not None
            and self.indeterminate is not None
            and not self.indeterminate[0] <= self.fixed <= self.indeterminate[1]
        ):
            raise ValueError("the band of indeterminate must contain the fixed cut")
        return self


CUT_SOURCES = ("fixed", "fmo", "isotype", "unstained", "donors")


class MarkerPopulations(Record):
    """Populations of an imported gates file that stand for a marker's calls."""

    positive: str
    negative: str | None = None


class Gates(Record):
    """A gates file. Populations are in the order in which they are written."""

    name: str
    populations: Mapping[str, PopulationGate] = {}
    phenotype: str = ROOT
    nucleated: str | None = None
    cuts: Mapping[MarkerName, Cut] = {}
    phenotypes: Mapping[str, str] = {}
    file: str | None = None
    group: str | None = None
    markers: Mapping[MarkerName, MarkerPopulations] = {}
