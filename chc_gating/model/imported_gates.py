"""Gates that another program wrote: Gating-ML 2.0 documents and FlowJo workspaces alike.

A user never writes these; a reader of such files makes them (`batch/gating_ml.py`). Every dimension
says for itself how it is compensated and on which scale the gate's numbers stand.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chc_gating.model.record import Record

UNCOMPENSATED, FROM_FILE = "uncompensated", "FCS"
"""The two references of a dimension that name no matrix: raw values, the file's own spillover."""


class DimensionScale(Record):
    """The scale of one dimension; x is linear, the gate's numbers stand on the scale.

    linear, log, asinh, logicle, hyperlog : Gating-ML 2.0, section 6, its T, W, M, A (top at 1).
    biexponential : FlowJo's, with t its top (`maxRange`), m its positive and a its additional
    negative decades, ``width_basis`` its width (such as -10); positions from 0 to 4096, or to
    ``high``.
    flowjo_linear : low and high are FlowJo's `minRange` and `maxRange`, put to 0 and 1.
    flowjo_log : log10(x / offset) / m with m decades, ``offset`` at 0.
    bound_low, bound_high : what a value below or above is set to (`boundMin`, `boundMax`).
    """

    kind: Literal[
        "linear",
        "log",
        "asinh",
        "logicle",
        "hyperlog",
        "biexponential",
        "flowjo_linear",
        "flowjo_log",
    ]
    t: float = 262144.0
    w: float = 0.5
    m: float = 4.5
    a: float = 0.0
    width_basis: float | None = None
    low: float | None = None
    high: float | None = None
    offset: float | None = None
    bound_low: float | None = None
    bound_high: float | None = None

    @model_validator(mode="after")
    def _has_room(self) -> DimensionScale:
        if self.t <= 0 or self.m <= 0:
            raise ValueError(f"scale {self.kind}: T and M must be above 0")
        if self.kind == "linear" and self.t + self.a <= 0:
            raise ValueError("scale linear: T + A must be above 0")
        if self.kind in ("logicle", "hyperlog") and not (
            0 <= 2 * self.w <= self.m and -self.w <= self.a <= self.m - 2 * self.w
        ):
            raise ValueError(
                f"scale {self.kind}: W = {self.w:g} may be from 0 to M / 2, "
                f"A = {self.a:g} from -W to M - 2 W, with M = {self.m:g}"
            )
        return self


class FRatio(Record):
    """Gating-ML's ratio: a (x - b) / (y - c), x and y the two channels of ``of``."""

    of: tuple[str, str]
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0


class Dimension(Record):
    """One axis of an imported gate: exactly one of ``channel`` and ``ratio``.

    channel : $PnN, else $PnS of the file; with a named matrix, also a name of the matrix.
    compensation : `uncompensated`, `FCS` (the file's own spillover) or a matrix of the gates.
    scale : None for linear values.
    gain : linear values are divided by it before the scale (FlowJo's `gain` of linear channels).
    """

    channel: str | None = None
    ratio: FRatio | None = None
    compensation: str = UNCOMPENSATED
    scale: DimensionScale | None = None
    gain: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> Dimension:
        if (self.channel is None) == (self.ratio is None):
            raise ValueError("a dimension is either a channel or a ratio")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """The one or two channels that its values are made of."""
        if self.channel is not None:
            return (self.channel,)
        return self.ratio.of if self.ratio is not None else ()


class GateReference(Record):
    """A population that a boolean gate takes part in, or its complement."""

    population: str
    complement: bool = False


class ImportedGate(Record):
    """One gate. Its numbers are those of the dimensions' scales.

    rectangle : ``bounds`` [low, high) per dimension, 1 to n; a quadrant is one, too.
    polygon : 2 dimensions, ``vertices``; inside by the even-odd rule.
    ellipsoid : 2 to n dimensions, Mahalanobis distance squared at most ``distance_square``.
    and, or, not : over ``references``; no dimensions.
    complement : the parent's events that are not inside; an event whose value is not finite is
    neither inside nor in the complement.
    """

    kind: Literal["rectangle", "polygon", "ellipsoid", "and", "or", "not"]
    dimensions: tuple[Dimension, ...] = ()
    bounds: tuple[tuple[float | None, float | None], ...] = ()
    vertices: tuple[tuple[float, float], ...] = ()
    mean: tuple[float, ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()
    distance_square: float | None = None
    references: tuple[GateReference, ...] = ()
    complement: bool = False


class ImportedMatrix(Record):
    """A named spillover matrix of the imported file: fluorochromes (rows) by detectors (columns).

    fluorochromes may be empty names; a dimension is found by fluorochrome, else by detector.
    """

    fluorochromes: tuple[str, ...]
    detectors: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
