"""The grammar of a gates file: populations, cuts and phenotypes, as a user writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from chc_gating.model.control_cuts import CUT_CONTROLS, ControlCut, CutControlKind
from chc_gating.model.imported_gates import ImportedGate, ImportedMatrix
from chc_gating.model.panel import Role
from chc_gating.model.record import MarkerName, Record
from chc_gating.model.slide_cuts import BackgroundCut, Preset, expand_preset

Bound = float | None
Scale = Literal["compensated", "raw", "transformed"]
ROOT = "all"
MAX_POPULATIONS = 63
"""As many as a gate plan holds: one bit each in 64, beside the bit of all events."""
_UNBUILT = "Not built in this version."
WRITTEN_BY_NOBODY = "Set by the reader of another program's file, never written."


class Ratio(Record):
    """Numerator over denominator within [low, high); not finite means outside."""

    of: tuple[str, str]
    within: tuple[Bound, Bound]


class Polygon(Record):
    """A polygon in two channels, vertices as (x, y)."""

    of: tuple[str, str]
    vertices: tuple[tuple[float, float], ...] = Field(min_length=3)


class Ellipse(Record):
    """An ellipse or ellipsoid: Mahalanobis distance squared at most ``distance_square``."""

    of: tuple[str, ...] = Field(min_length=2)
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    distance_square: float = Field(gt=0)


class Quadrant(Record):
    """One quadrant of two channels: each side of its divider."""

    of: tuple[str, str]
    dividers: tuple[float, float]
    sides: tuple[Literal["low", "high"], Literal["low", "high"]]

    @property
    def bounds(self) -> dict[str, tuple[Bound, Bound]]:
        """Its interval [low, high) per channel, as of a rectangle."""
        return {
            channel: (None, divider) if side == "low" else (divider, None)
            for channel, divider, side in zip(self.of, self.dividers, self.sides, strict=True)
        }


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
    polygon: Polygon | None = Field(
        default=None,
        description="`{of: [A, B], vertices: [[a, b], ...]}`: inside by the even-odd rule.",
    )
    ellipse: Ellipse | None = Field(
        default=None,
        description="`{of: [A, B], mean: [a, b], covariance: [[..], [..]], distance_square: d}`, "
        "in two or more channels: Mahalanobis distance squared at most d.",
    )
    quadrant: Quadrant | None = Field(
        default=None,
        description="`{of: [A, B], dividers: [a, b], sides: [low, high]}`; a value on a divider "
        "is on its high side.",
    )
    singlets: Singlets | None = Field(
        default=None,
        description="`{of: [AREA, HEIGHT], band: 3}`: within so many robust standard deviations "
        "of a line fitted to the parent's events.",
    )
    margins: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="`[A, B]`: events at the margin of any of these channels leave: at or below "
        "0, or at or above the detector's maximum, in raw units.",
    )
    and_: tuple[str, ...] | None = Field(
        default=None, alias="and", min_length=1, description="Events that are in all populations."
    )
    or_: tuple[str, ...] | None = Field(
        default=None, alias="or", min_length=1, description="Events that are in any population."
    )
    not_: str | None = Field(
        default=None,
        alias="not",
        description="The parent's events outside a population; an event that its gates cannot "
        "decide (a value is not finite) is not among them.",
    )
    imported: SkipJsonSchema[ImportedGate | None] = Field(
        default=None, description=WRITTEN_BY_NOBODY
    )
    scale: Scale = Field(
        default="compensated",
        description="The units of the gate's numbers: `compensated` and `raw` are linear; "
        "`transformed` is the panel's scale.",
    )

    @property
    def kind(self) -> str:
        """The one rule that is set, by the key that a user writes."""
        for key in RULE_KEYS:
            if getattr(self, _field(key)) is not None:
                return key
        raise AssertionError("validated: one rule is set")

    @model_validator(mode="after")
    def _one_rule(self) -> PopulationGate:
        given = [key for key in RULE_KEYS if getattr(self, _field(key)) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"give exactly one of {', '.join(RULE_KEYS[:-1])}; found {found}")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """The panel's channels that the gate names itself; not those of an imported gate."""
        if self.rectangle is not None:
            return tuple(self.rectangle)
        if self.margins is not None:
            return self.margins
        for shape in (self.ratio, self.polygon, self.ellipse, self.quadrant, self.singlets):
            if shape is not None:
                return tuple(shape.of)
        return ()

    @property
    def references(self) -> tuple[str, ...]:
        """The populations that a boolean gate looks at; none for other kinds."""
        if self.imported is not None:
            return tuple(reference.population for reference in self.imported.references)
        return (*(self.and_ or ()), *(self.or_ or ()), *filter(None, (self.not_,)))


def _field(key: str) -> str:
    return f"{key}_" if key in ("and", "or", "not") else key


SCALED_KINDS = ("rectangle", "polygon", "ellipse", "quadrant")
"""The rules whose numbers may stand on the panel's scale."""

RULE_KEYS = (
    "rectangle",
    "ratio",
    "when",
    "polygon",
    "ellipse",
    "quadrant",
    "singlets",
    "margins",
    "and",
    "or",
    "not",
    "imported",
)


class Cut(Record):
    """Where a marker turns positive; ``indeterminate`` is the band [low, high) around it."""

    fixed: float | None = Field(
        default=None, description="The marker is positive at or above this value."
    )
    fmo: ControlCut | None = Field(
        default=None,
        description="Taken from the control set's control without this marker's stain, see below.",
    )
    isotype: ControlCut | None = Field(
        default=None,
        description="Likewise, from the isotype control of this marker, or else from the one that "
        "names no marker.",
    )
    unstained: ControlCut | None = Field(
        default=None, description="Likewise, from the unstained control."
    )
    donors: ControlCut | None = Field(default=None, description=_UNBUILT)
    background: BackgroundCut | None = Field(
        default=None,
        description="Slides only: found on each slide from what is negative there, see below.",
    )
    preset: Preset | None = Field(
        default=None,
        description="Slides only: a published rule by its name. `helen`: the share of a cell's "
        "pixels above the background's mean plus 3 SD (1.5 times that for epithelial markers).",
    )
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
        if self.is_found_on_slide and (self.indeterminate or self.scale != "compensated"):
            raise ValueError(
                "a cut that is found on each slide is in compensated units and takes its band as "
                "multiples: background: {band: [0.7, 1.4]}"
            )
        if self.control_kind is not None and (self.indeterminate or self.scale != "compensated"):
            raise ValueError(
                "a cut that is taken from a control is in compensated units and takes its band as "
                f"multiples: {self.control_kind}: {{band: [0.7, 1.4]}}"
            )
        return self

    @property
    def source(self) -> str:
        """The one key that says where the cut comes from."""
        return next(key for key in CUT_SOURCES if getattr(self, key) is not None)

    @property
    def control_kind(self) -> CutControlKind | None:
        """The kind of control that gives the cut, None where it comes from elsewhere."""
        return next((kind for kind in CUT_CONTROLS if getattr(self, kind) is not None), None)

    @property
    def of_control(self) -> ControlCut:
        """The rule that takes the cut from a control."""
        rule = None if self.control_kind is None else getattr(self, self.control_kind)
        if not isinstance(rule, ControlCut):
            raise AssertionError("asked for a cut that is taken from a control")
        return rule

    @property
    def is_found_on_slide(self) -> bool:
        """Whether each slide's own cells or pixels give the cut."""
        return self.background is not None or self.preset is not None

    def background_of(self, role: Role) -> BackgroundCut:
        """Return the rule that finds the cut on a slide, for a channel of this role."""
        if self.preset is not None:
            return expand_preset(self.preset, role)
        if self.background is None:
            raise AssertionError("asked for a cut that is found on a slide")
        return self.background


CUT_SOURCES = ("fixed", "fmo", "isotype", "unstained", "donors", "background", "preset")


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
    file: str | None = Field(
        default=None,
        description="A Gating-ML 2.0 document (`gates.xml`) or a FlowJo 10 workspace "
        "(`study.wsp`) beside this file that holds the populations, instead of `populations`. Of a "
        "workspace every file gets its own sample's gates and matrix, found by its file's name.",
    )
    group: str | None = Field(
        default=None,
        description="With a workspace: the group in which samples are looked for; default: all.",
    )
    markers: Mapping[MarkerName, MarkerPopulations] = Field(
        default={},
        description="`{CD45: {positive: POP, negative: POP}}`: populations that stand for a "
        "marker's calls instead of a cut. In neither or both: indeterminate.",
    )
    matrices: SkipJsonSchema[Mapping[str, ImportedMatrix]] = Field(
        default={}, description=WRITTEN_BY_NOBODY
    )
    # Where a workspace lies, and its SHA-256.
    source: SkipJsonSchema[str | None] = Field(default=None, description=WRITTEN_BY_NOBODY)
    digest: SkipJsonSchema[str | None] = Field(default=None, description=WRITTEN_BY_NOBODY)

    def named_populations(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield the populations that phenotypes are built on, with their keys; not `all`."""
        named: list[tuple[tuple[str, ...], str | None]] = [
            (("phenotype",), self.phenotype),
            (("nucleated",), self.nucleated),
        ]
        for marker, populations in self.markers.items():
            named.append((("markers", marker, "positive"), populations.positive))
            named.append((("markers", marker, "negative"), populations.negative))
        for keys, name in named:
            if name is not None and name != ROOT:
                yield keys, name

    @property
    def awaits_sample(self) -> bool:
        """Whether the populations are those of a workspace's sample, still to be chosen."""
        return self.source is not None and not self.populations

    @property
    def control_cuts(self) -> dict[str, CutControlKind]:
        """The markers whose cut is taken from a control, and the kind of that control."""
        kinds = {marker: cut.control_kind for marker, cut in self.cuts.items()}
        return {marker: kind for marker, kind in kinds.items() if kind is not None}

    def populations_above(self, name: str) -> set[str]:
        """Return the populations that decide one: itself, its parents, and what these look at."""
        needed: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name != ROOT and name not in needed and name in self.populations:
                needed.add(name)
                waiting += [self.populations[name].parent, *self.populations[name].references]
        return needed

    @property
    def called(self) -> frozenset[str]:
        """The markers that have a call: by a cut, or by populations that stand for it."""
        return frozenset(self.cuts) | frozenset(self.markers)
