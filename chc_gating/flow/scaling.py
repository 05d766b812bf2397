"""What was done to stored values, stated: masks, types, logarithms, gains and the time step."""

from __future__ import annotations

from chc_gating.flow.layout import Layout, Parameter
from chc_gating.flow.repairs import RepairLog


def describe_scaling(layout: Layout) -> tuple[str, ...]:
    """Return, in one line for each thing done, how stored values become linear ones.

    Empty where values are used as they are stored. Each thing is done once; see `read` and
    `event_stream` of `FcsFile`. Values above $PnR are kept.
    """
    lines = RepairLog()
    mixed = len({p.data_type for p in layout.parameters}) > 1
    for index, parameter in enumerate(layout.parameters):
        in_seconds = index == layout.time_index and layout.timestep_s is not None
        if mixed:
            bits = 8 * parameter.width
            lines.note(
                f"type {parameter.data_type} of {bits} bits ($PnDATATYPE)", channel=parameter.name
            )
        _note_mask(parameter, lines)
        if in_seconds:
            lines.note(
                f"in seconds, {layout.timestep_s:g} s a unit ($TIMESTEP)", channel=parameter.name
            )
        else:
            _note_scale(parameter, lines)
    return lines.lines


def _note_mask(parameter: Parameter, lines: RepairLog) -> None:
    if parameter.mask is None:
        return
    bits, stored = parameter.mask.bit_length(), 8 * parameter.width
    if bits < stored:
        lines.note(
            f"the lower {bits} of {stored} bits are data ($PnR, $PnB)", channel=parameter.name
        )


def _note_scale(parameter: Parameter, lines: RepairLog) -> None:
    if parameter.decades > 0:
        lines.note(
            f"linear again: {parameter.log_zero:g} x 10^({parameter.decades:g} x stored / "
            f"{parameter.range:g}) ($PnE, $PnR)",
            channel=parameter.name,
        )
    elif parameter.gain != 1:
        lines.note(f"divided by {parameter.gain:g} ($PnG)", channel=parameter.name)
