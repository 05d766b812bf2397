"""The grammar of a gates file: populations, cuts and phenotypes, as a user writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.record import MarkerName, Record

Bound = float | None
Scale = Literal["compensated", "raw", "transformed"]
ROOT = "all"
MAX_POPULATIONS = 63
"""As many as a gate plan holds: one bit each in 64, beside the bit of all events."""
_UNBUILT = "Not built in this version."


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

    parent: str = Field(default=ROOT, description="The population above it; `all`: every event.")
    rectangle: Mapping[str, tuple[Bound, Bound]] | None = Field(
        default=None, description="Per channel its bounds [low, high); null: no bound."
    )
    ratio: Ratio | None = Field(
        default=None, description="`{of: [A, B], within: [low, high]}`: A over B within bounds."
    )
    when: str | None = Field(
        default=None,
        description="A rule over markers, such as `VIA-`; only events for which it is true stay.",
    )
    polygon: Polygon | None = Field(default=None, description=_UNBUILT)
    ellipse: Ellipse | None = Field(default=None, description=_UNBUILT)
    quadrant: Quadrant | None = Field(default=None, description=_UNBUILT)
    singlets: Singlets | None = Field(default=None, description=_UNBUILT)
    and_: tuple[str, ...] | None = Field(default=None, alias="and", description=_UNBUILT)
    or_: tuple[str, ...] | None = Field(default=None, alias="or", description=_UNBUILT)
    not_: str | None = Field(default=None, alias="not", description=_UNBUILT)
    scale: Scale = Field(
        default="compensated",
        description="The units of the bounds: `compensated` and `raw` are linear; `transformed` "
        "(rectangles only) is the panel's scale.",
    )

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

    fixed: float | None = Field(
        default=None, description="The marker is positive at or above this value."
    )
    fmo: ControlCut | None = Field(default=None, description=_UNBUILT)
    isotype: ControlCut | None = Field(default=None, description=_UNBUILT)
    unstained: ControlCut | None = Field(default=None, description=_UNBUILT)
    donors: ControlCut | None = Field(default=None, description=_UNBUILT)
    indeterminate: tuple[float, float] | None = Field(
        default=None,
        description="A band [low, high) around the cut, in which a marker is neither positive "
        "nor negative.",
    )
    scale: Literal["compensated", "transformed"] = Field(
        default="compensated",
        description="The units of the cut: compensated linear units, or the panel's scale.",
    )

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
    populations: Mapping[str, PopulationGate] = Field(
        default={}, description="Populations by name, evaluated top down."
    )
    phenotype: str = Field(default=ROOT, description="The population whose events get a phenotype.")
    nucleated: str | None = Field(
        default=None,
        description="What counts as nucleated; default: the phenotype population where the panel "
        "has a dna channel (always on slides), else not known.",
    )
    cuts: Mapping[MarkerName, Cut] = Field(
        default={},
        description="Cuts by marker. Without any, densities are drawn and the draw is not counted.",
    )
    phenotypes: Mapping[str, str] = Field(
        default={},
        description="Phenotypes by name: rules such as `CD45+ and (EPCAM+ or CK+)`, of which at "
        "most one can be true of an event.",
    )
    file: str | None = Field(default=None, description=_UNBUILT)
    group: str | None = Field(default=None, description=_UNBUILT)
    markers: Mapping[MarkerName, MarkerPopulations] = Field(default={}, description=_UNBUILT)
