"""What one acquisition yields (populations.json): counts of populations and phenotypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from chc_gating.model.control_cuts import CutControl
from chc_gating.model.gates import Gates
from chc_gating.model.panel import Modality, Panel
from chc_gating.model.record import Record

Status = Literal["counted", "not_counted"]


class InputFile(Record):
    """A file that a result was made from; ``sha256`` is None where it was not asked for."""

    role: str
    path: str
    size_bytes: int | None = None
    sha256: str | None = None


class FittedLine(Record):
    """The line of a singlets gate: area = intercept + slope * height, in the gate's linear units.

    Inside is an area within ``half_width`` of the line, as a share of the line's value;
    ``events`` is how many the line was fitted to.
    """

    intercept: float
    slope: float
    half_width: float
    events: int


class PopulationCount(Record):
    """Events of one population; ``percent_of_parent`` is None where the parent is empty.

    ``line`` is what a singlets gate was fitted to be, None for other gates.
    """

    name: str
    parent: str | None
    events: int
    percent_of_parent: float | None
    invalid_events: int = 0
    line: FittedLine | None = None


class PhenotypeCount(Record):
    """Events of one class, and what its count would be under other choices.

    ``low_cut`` and ``high_cut``: every cut times .9 and 1.1; None where cuts are not ours.
    ``without_saturated``: events none of whose markers, nor what they lean on, is saturated; None
    where the maximum of a marker's detector is not known.
    """

    name: str
    events: int
    low_cut: int | None
    high_cut: int | None
    without_saturated: int | None


class CutBackground(Record):
    """What a slide's cut was found from: factor * (level + k_sd * sd).

    ``of`` cells: level and sd are of the values of ``cells`` cells, background subtracted. ``of``
    pixels: of the grey levels outside cells, as stored; the cut then is above the local background,
    or, with ``fraction``, a share of pixels. ``positive_share`` of those cells lies at or above the
    cut; ``tail_share`` is what a normal distribution of that level and sd would put there, None of
    pixels; ``doubtful``: most of them look positive, where most must be negative.
    """

    of: Literal["cells", "pixels"]
    level: float
    sd: float
    k_sd: float
    factor: float
    fraction: float | None = None
    cells: int
    positive_share: float
    tail_share: float | None = None
    doubtful: bool


class AppliedCut(Record):
    """A marker's cut as it was applied, in compensated linear units; a share of pixels where its
    background says so. ``background`` and ``control``: what it was found from, if it was.
    """

    marker: str
    channel: str
    low: float
    high: float
    source: str
    background: CutBackground | None = None
    control: CutControl | None = None


class AppliedSpillover(Record):
    """The spillover that was applied: source, channel names and matrix (row: fluorochrome)."""

    source: str
    channels: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    condition_number: float


class SpilloverResult(Record):
    """spillover.json: a panel's spillover, from a table or from single-stained slides.

    ``spillover`` is None where the slides gave none, for ``reason``.
    """

    schema_: str = Field(default="chc_gating/spillover/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    panel: str
    status: Status = "counted"
    reason: str | None = None
    spillover: AppliedSpillover | None


class FlowFacts(Record):
    """What an FCS file says of its own volume; None: the file does not say.

    ``abort_events`` and ``lost_events`` are $ABRT and $LOST; ``volume_ul`` is $VOL in microlitres
    with ``volume_note`` saying how its unit was decided, and ``volume_unit_repaired`` where it is
    not the standard's; ``duration_s`` from Time, else $BTIM and $ETIM; ``volume_refused`` says
    why a volume that is given cannot be used. ``unstable_bins`` of ``time_bins`` parts of its time
    have an unstable event rate; None where time was not looked at.
    """

    fcs_version: str
    abort_events: int | None = None
    lost_events: int | None = None
    volume_ul: float | None = None
    volume_note: str | None = None
    volume_unit_repaired: bool = False
    volume_refused: str | None = None
    duration_s: float | None = None
    time_bins: int | None = None
    unstable_bins: int | None = None


class LostArea(Record):
    """An area of a slide that was not scored: squares that share sides, and the box around them.

    ``kind``: out_of_focus, empty (no nuclei, and cells around it) or unread (one grey level).
    """

    kind: str
    y0_px: int
    y1_px: int
    x0_px: int
    x1_px: int
    area_mm2: float
    nuclei: int


class SlideQuality(Record):
    """What of a slide was scored, by squares of ``square_px``.

    squares_by_state : scored, out_of_focus, empty, unread, outside (beyond the sample).
    focus_reference : the squares' upper quartile of focus, None where too few tell; out of focus
        is below ``focus_threshold``, the reference over ``focus_drop``.
    edge_sd_um : how wide the edges of nuclei are in scored squares, the SD of a blurred step; None
        without nuclei. It tells a slide that is out of focus as a whole, beside others.
    sample_area_mm2 : of all squares but those outside; ``scored_share`` and ``lost_shares`` (by
        kind) are parts of it and add up to 1.
    nuclei_out_of_focus : nuclei in lost squares; they leave under area_out_of_focus.
    saturated_shares : per channel, of every fourth row of pixels.
    areas : the lost ones, largest first.
    """

    square_px: int
    squares: int
    squares_by_state: Mapping[str, int]
    focus_reference: float | None
    focus_drop: float
    focus_threshold: float | None
    sample_area_mm2: float
    scored_share: float
    lost_shares: Mapping[str, float]
    nuclei_out_of_focus: int
    saturated_shares: Mapping[str, float]
    areas: tuple[LostArea, ...] = ()
    edge_sd_um: float | None = None


class SlideFacts(Record):
    """What was found on a slide; areas in mm2, sizes in pixels and um.

    ``quality`` is None until the slide is measured.
    """

    width_px: int
    height_px: int
    pixel_size_um: float
    nuclei: int
    area_mm2: float
    quality: SlideQuality | None = None


class AcquisitionResult(Record):
    """populations.json: the whole numeric result of one FCS file or slide.

    ``flags`` counts the events, ``candidate_flags`` the candidates that carry an event flag.
    ``repairs`` says what was wrong in the raw file and what was assumed, ``scaling`` how stored
    values became linear ones (masks, logarithms, gains, the time step), one line each.
    ``candidates_per_million_nuclei``: CHC and CTC, of a slide.
    """

    schema_: str = Field(default="chc_gating/populations/1", alias="schema")
    software_version: str
    inputs: tuple[InputFile, ...]
    parameters: Mapping[str, str | int | float | bool | None]
    status: Status
    reason: str | None = None
    modality: Modality
    panel: Panel
    gates: Gates
    event_count: int | None = None
    populations: tuple[PopulationCount, ...] = ()
    phenotypes: tuple[PhenotypeCount, ...] = ()
    flags: Mapping[str, int] = {}
    candidate_flags: Mapping[str, int] = {}
    draw_flags: tuple[str, ...] = ()
    nucleated_events: int | None = None
    phenotype_events: int | None = None
    bead_events: int | None = None
    cuts: tuple[AppliedCut, ...] = ()
    spillover: AppliedSpillover | None = None
    flow: FlowFacts | None = None
    slide: SlideFacts | None = None
    candidates_per_million_nuclei: float | None = None
    repairs: tuple[str, ...] = ()
    scaling: tuple[str, ...] = ()


class TimeBin(Record):
    """A run of consecutive events; times in seconds, None without a time channel."""

    first_event: int
    events: int
    start_s: float | None
    end_s: float | None
    rate_per_s: float | None
    phenotype_events: int
    candidates: int
    unstable: bool


class ChannelQuality(Record):
    """Per channel: events at or above saturation, at the lower margin, and not finite.

    ``saturated`` is None where the detector's maximum is not known, ``at_lower_margin`` on slides,
    whose channels have none.
    """

    channel: str
    saturated: int | None
    at_lower_margin: int | None
    nonfinite: int


class AcquisitionQuality(Record):
    """quality.json: what can make a count doubtful, measured."""

    schema_: str = Field(default="chc_gating/quality/1", alias="schema")
    software_version: str
    status: Status
    reason: str | None = None
    event_count: int | None = None
    time_bins: tuple[TimeBin, ...] = ()
    channels: tuple[ChannelQuality, ...] = ()
    slide: SlideQuality | None = None
    notes: tuple[str, ...] = ()
