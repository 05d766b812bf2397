"""The layout of one event: what each parameter is, how it is stored and scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chc_gating.errors import RawFileError
from chc_gating.flow.byte_order import ByteOrder, parse_byte_order
from chc_gating.flow.names import name_parameters
from chc_gating.flow.numerals import parse_integer, parse_number
from chc_gating.flow.repairs import RepairLog
from chc_gating.flow.scale import (
    LARGEST,
    SMALLEST,
    find_mask,
    parse_amplification,
    parse_gain,
    parse_range,
)

_FLOAT_BITS = {"F": 32, "D": 64}
_MAX_BITS = 64
_MOST_PARAMETERS = 10_000
"""Imaging cytometers write some hundreds; more would take memory beyond that of the file."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an event.

    data_type : F or D, IEEE floats of 4 or 8 bytes, or I, an unsigned integer.
    offset, width : its bytes within an event.
    mask : bits of an integer that are data ($PnR); None where all are.
    range : $PnR, None where it is not known.
    decades, log_zero : $PnE; 0 decades are a linear scale, else
        linear = log_zero * 10 ** (decades * stored / range).
    gain : $PnG; linear = stored / gain.
    """

    name: str
    marker: str | None
    data_type: str
    offset: int
    width: int
    mask: int | None
    range: float | None
    decades: float
    log_zero: float
    gain: float


@dataclass(frozen=True)
class Layout:
    """The parameters of an event, in file order, with what they share.

    ``timestep_s`` is seconds per unit of the Time parameter, None where the file does not say.
    ``odd_bits``: a $PnB that is no multiple of 8, which is read as a whole word if DATA fits that.
    """

    parameters: tuple[Parameter, ...]
    event_bytes: int
    byte_order: ByteOrder
    time_index: int | None
    timestep_s: float | None
    odd_bits: bool

    def describe_types(self) -> str:
        """Return type and bits of the parameters, as in "F32" or "F32, I16" where they differ."""
        kinds = dict.fromkeys(f"{p.data_type}{8 * p.width}" for p in self.parameters)
        return ", ".join(kinds)


def parse_layout(keywords: Mapping[str, str], *, version: str, repairs: RepairLog) -> Layout:
    """Return the layout of an event.

    Raises RawFileError where TEXT does not describe one: no $PAR, no $DATATYPE, ASCII data,
    histograms, a width that no integer has.
    """
    count = _parameter_count(keywords)
    _refuse_histograms(keywords, repairs)
    default_type = _default_type(keywords)
    names, markers = name_parameters(keywords, count, repairs)
    parameters: list[Parameter] = []
    offset, odd_bits = 0, False
    for n, (name, marker) in enumerate(zip(names, markers, strict=True), start=1):
        data_type = _data_type(keywords, n, default_type, version, repairs, name)
        bits = _bits(keywords, n, data_type, name)
        odd_bits = odd_bits or bits % 8 != 0
        parameter = _parameter(keywords, n, name, marker, data_type, offset, bits, repairs)
        parameters.append(parameter)
        offset += parameter.width
    order = parse_byte_order(
        keywords.get("$BYTEORD"), widths={p.width for p in parameters}, repairs=repairs
    )
    time_index = _time_index(keywords, count, repairs)
    if time_index is not None:
        parameters[time_index] = _linear_time(parameters[time_index], repairs)
    timestep = _timestep(keywords, time_index, repairs)
    return Layout(tuple(parameters), offset, order, time_index, timestep, odd_bits)


def _parameter_count(keywords: Mapping[str, str]) -> int:
    count = parse_integer(keywords.get("$PAR"))
    if count is None or count < 1:
        raise RawFileError("its TEXT does not say how many parameters an event has ($PAR)")
    if count > _MOST_PARAMETERS or count > len(keywords):
        raise RawFileError(f"$PAR says {count} parameters, but TEXT holds {len(keywords)} keywords")
    return count


def _refuse_histograms(keywords: Mapping[str, str], repairs: RepairLog) -> None:
    mode = keywords.get("$MODE")
    if mode is None:
        repairs.note("no $MODE; taken as a list of events")
    elif mode.upper() != "L":
        raise RawFileError("holds histograms, not a list of events ($MODE is not L)")


def _default_type(keywords: Mapping[str, str]) -> str:
    data_type = keywords.get("$DATATYPE", "").upper()
    if data_type not in ("F", "D", "I"):
        raise RawFileError(
            "its $DATATYPE is not F, D or I (floats, doubles, integers); "
            "data as ASCII text is not read: export the file again"
        )
    return data_type


def _data_type(
    keywords: Mapping[str, str], n: int, default: str, version: str, repairs: RepairLog, name: str
) -> str:
    own = keywords.get(f"$P{n}DATATYPE")
    if own is None:
        return default
    if own.upper() not in ("F", "D", "I"):
        raise RawFileError(f"channel {name}: $P{n}DATATYPE is not F, D or I")
    if version != "3.2":
        repairs.note("$PnDATATYPE, which is of FCS 3.2, in an older file; obeyed", channel=name)
    return own.upper()


def _bits(keywords: Mapping[str, str], n: int, data_type: str, name: str) -> int:
    bits = parse_integer(keywords.get(f"$P{n}B"))
    expected = _FLOAT_BITS.get(data_type)
    if bits is None and expected is not None:
        return expected
    if bits is None or not 1 <= bits <= _MAX_BITS:
        raise RawFileError(f"channel {name}: $P{n}B does not give a width of 1 to {_MAX_BITS} bits")
    if expected is not None and bits != expected:
        raise RawFileError(
            f"channel {name}: $P{n}B says {bits} bits, but data of type {data_type} "
            f"have {expected}; export the file again"
        )
    return bits


def _parameter(
    keywords: Mapping[str, str],
    n: int,
    name: str,
    marker: str | None,
    data_type: str,
    offset: int,
    bits: int,
    repairs: RepairLog,
) -> Parameter:
    limit = parse_range(keywords.get(f"$P{n}R"), name, repairs)
    decades, log_zero = parse_amplification(keywords.get(f"$P{n}E"), data_type, name, repairs)
    if decades > 0 and limit is None:
        raise RawFileError(
            f"channel {name}: on a logarithmic scale ($P{n}E), "
            f"but $P{n}R gives no range to undo it; export the file again"
        )
    gain = parse_gain(keywords.get(f"$P{n}G"), decades, name, repairs)
    mask = find_mask(limit, bits, name, repairs) if data_type == "I" else None
    return Parameter(
        name, marker, data_type, offset, _width(bits), mask, limit, decades, log_zero, gain
    )


def _width(bits: int) -> int:
    """Return bytes of a value: odd bits lie in the next word of 1, 2, 4 or 8 bytes."""
    if bits % 8 == 0:
        return bits // 8
    return next(width for width in (1, 2, 4, 8) if bits <= 8 * width)


def _time_index(keywords: Mapping[str, str], count: int, repairs: RepairLog) -> int | None:
    found = [
        n - 1
        for n in range(1, count + 1)
        if keywords.get(f"$P{n}N", "").lower() == "time"
        or keywords.get(f"$P{n}TYPE", "").lower() == "time"
    ]
    if len(found) > 1:
        repairs.note("two Time parameters; the first is used as time")
    return found[0] if found else None


def _linear_time(time: Parameter, repairs: RepairLog) -> Parameter:
    if time.decades == 0:
        return time
    # A clock counts evenly; $TIMESTEP on top of a logarithm would scale it twice.
    repairs.note("$PnE says logarithmic, but time is linear; not applied", channel=time.name)
    return replace(time, decades=0.0, log_zero=0.0)


def _timestep(
    keywords: Mapping[str, str], time_index: int | None, repairs: RepairLog
) -> float | None:
    if time_index is None:
        return None
    step = parse_number(keywords.get("$TIMESTEP"))
    if step is None or not SMALLEST <= step <= LARGEST:
        repairs.note("no usable $TIMESTEP; Time is not known in seconds")
        return None
    gain = parse_number(keywords.get(f"$P{time_index + 1}G"))
    if gain not in (None, 1.0):
        # BD writes $PnG 0.01 beside $TIMESTEP 0.01: applying both would undo the one with the
        # other and make seconds into hundredths.
        repairs.note("Time has a $PnG beside $TIMESTEP; only $TIMESTEP is applied")
    return step
