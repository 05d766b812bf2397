"""The registry of quirks: one small file for each, with its true events and what must be done.

`test_quirk_files.py` holds ours to it; `benchmarks/quirk_table.py` runs peers on the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from fcs_files import EVENTS, describe_channels, fcs_bytes, float_bytes
from numpy.typing import NDArray

Verdict = Literal["read", "repaired", "refused"]

FAIR: dict[str, str | None] = dict.fromkeys(
    ("$BEGINANALYSIS", "$ENDANALYSIS", "$BEGINSTEXT", "$ENDSTEXT"), "0"
)
"""Keywords that FCS 3.1 requires and ours does not: no peer is to fail for want of them."""

COUNTS = np.array([[0, 7, 1], [1023, 300, 2], [5, 1, 3], [512, 1000, 4]], dtype=np.int64)
"""Four events of integers of ten bits."""


@dataclass(frozen=True)
class QuirkFile:
    """One file with one quirk.

    stored : (n, m) values as the file holds them, None where no reading is right.
    linear : (m,) factors, or (n, m) values where a scale is the quirk.
    words : part of the repair or of the refusal.
    scale : whether the quirk shows in linear values only. keyword : a pair that TEXT holds.
    spillover : the matrix of $SPILLOVER, where that is the quirk; None where it is refused.
    """

    name: str
    group: str
    quirk: str
    data: bytes = field(repr=False)
    verdict: Verdict
    words: str = ""
    stored: NDArray[np.float64] | None = field(default=None, repr=False)
    linear: NDArray[np.float64] | None = field(default=None, repr=False)
    channels: tuple[str, ...] = ("FSC-A", "PE-A", "Time")
    keyword: tuple[str, str] | None = None
    scale: bool = False
    about_spillover: bool = False
    spillover: NDArray[np.float64] | None = field(default=None, repr=False)


TIME_FACTORS = np.array([1.0, 1.0, 0.01])


def _file(data: bytes | None = None, **quirks: object) -> bytes:
    keywords = FAIR | dict(quirks.pop("keywords", None) or {})  # type: ignore[call-overload]
    return fcs_bytes(data, keywords=keywords, **quirks)  # type: ignore[arg-type]


def _place(data: bytes | None = None, **quirks: object) -> tuple[int, int]:
    """Return first and last byte of DATA of the file that these arguments make."""
    data = float_bytes() if data is None else data
    begin = _file(data, **quirks).index(data)
    return begin, begin + len(data) - 1


def _floats(name: str, quirk: str, verdict: Verdict, words: str, **more: object) -> QuirkFile:
    made = more.pop("made", None)
    fields = {key: more.pop(key) for key in ("channels", "keyword", "group") if key in more}
    stored = more.pop("stored", EVENTS)
    linear = more.pop("linear", None)
    scale = bool(more.pop("scale", linear is not None))
    if linear is None and isinstance(stored, np.ndarray):
        linear = stored * TIME_FACTORS
    data = made if made is not None else _file(**more)
    group = fields.pop("group", "DATA")
    return QuirkFile(
        name=name,
        group=group,  # type: ignore[arg-type]
        quirk=quirk,
        data=data,  # type: ignore[arg-type]
        verdict=verdict,
        words=words,
        stored=None if verdict == "refused" else stored,  # type: ignore[arg-type]
        linear=None if verdict == "refused" else linear,  # type: ignore[arg-type]
        scale=scale,
        **fields,  # type: ignore[arg-type]
    )


def _integer_keywords(
    bits: tuple[int, int, int], limit: str = "1024", order: str = "1,2,3,4"
) -> dict[str, str | None]:
    own = {f"$P{n}B": str(width) for n, width in enumerate(bits, start=1)}
    return {"$DATATYPE": "I", "$BYTEORD": order, **describe_channels(limit=limit), **own}


def _integer_bytes(widths: tuple[int, int, int], order: Literal["little", "big"]) -> bytes:
    return b"".join(
        int(value).to_bytes(width // 8, order)
        for event in COUNTS
        for value, width in zip(event, widths, strict=True)
    )


def _integers(
    name: str,
    quirk: str,
    bits: tuple[int, int, int],
    *,
    order: Literal["little", "big"] = "little",
    words: str = "",
    verdict: Verdict = "read",
    data: bytes | None = None,
    **keywords: str | None,
) -> QuirkFile:
    byte_order = "1,2,3,4" if order == "little" else "4,3,2,1"
    described = _integer_keywords(bits, order=byte_order)
    described |= {f"${key}": value for key, value in keywords.items()}
    data = _integer_bytes(bits, order) if data is None else data
    stored = None if verdict == "refused" else COUNTS.astype(float)
    return QuirkFile(
        name=name,
        group="integers",
        quirk=quirk,
        data=_file(data, keywords=described),
        verdict=verdict,
        words=words,
        stored=stored,
        linear=None if stored is None else stored * TIME_FACTORS,
    )


def _text_quirks() -> list[QuirkFile]:
    def text(name: str, quirk: str, verdict: Verdict, words: str, **more: object) -> QuirkFile:
        return _floats(name, quirk, verdict, words, group="TEXT", **more)

    delimiters = {"*": "*", "^": "^", ".": ".", "\\": "\\", "\r": "CR", "\x0c": "form feed"}
    found = [
        text(f"delimiter-{label.replace(' ', '-')}", f"delimiter {label}", "read", "",
             delimiter=sign, keywords={"$TIMESTEP": "1e-2"} if sign == "." else {})
        for sign, label in delimiters.items()
    ]  # fmt: skip
    supplement = b"|$P1S|CD45|"
    keywords = {"$BEGINSTEXT": f"{0:>8}", "$ENDSTEXT": f"{0:>8}"}
    begin = len(_file(keywords=keywords))
    keywords = {"$BEGINSTEXT": f"{begin:>8}", "$ENDSTEXT": f"{begin + len(supplement) - 1:>8}"}
    lower = _file()
    for key in (b"$TOT", b"$PAR", b"$P1N", b"$P2N", b"$BYTEORD", b"$DATATYPE"):
        lower = lower.replace(key, key.lower())
    dot = {"$P1G": "1"}
    return [
        *found,
        text("escaped-delimiter", "doubled delimiter inside a value", "read", "",
             keywords={"CELLS": "a||b"}, keyword=("CELLS", "a|b")),
        text("escaped-delimiter-in-name", "doubled delimiter inside $PnN", "read", "",
             keywords={"$P2N": "PE||A"}, channels=("FSC-A", "PE|A", "Time")),
        text("empty-value", "empty value in the middle of TEXT", "repaired", "empty value",
             keywords={"AA": "", "ZZ": "1"}, keyword=("ZZ", "1")),
        text("no-final-delimiter", "no final delimiter", "repaired", "does not end",
             raw_text=b"ZZ|1", keyword=("ZZ", "1")),
        text("text-end-early", "end of TEXT one byte too early", "repaired", "does not end",
             text_end_shift=-1),
        text("text-end-late", "end of TEXT one byte too far", "read", "",
             text_end_shift=1),
        text("latin-1", "Latin-1 in a value", "repaired", "Latin-1", encoding="latin-1",
             keywords={"CELLS": "µ"}, keyword=("CELLS", "µ")),
        text("utf-8", "UTF-8 in a value", "read", "", keywords={"CELLS": "µ"},
             keyword=("CELLS", "µ")),
        text("lower-case-keywords", "keywords in lower case", "read", "", made=lower),
        text("blanks-before-keywords", "blanks before keywords", "read", "",
             made=_file(keywords={"CELLS": "a|  $P1S|CD45"}), keyword=("$P1S", "CD45")),
        text("dollar-in-value", "a $ inside a value", "read", "", keywords={"CELLS": "a$TOT$b"},
             keyword=("CELLS", "a$TOT$b")),
        text("keyword-twice", "a keyword twice with different values", "repaired", "first kept",
             raw_text=b"$P1S|x|$P1S|y|"),
        text("supplemental-text", "a keyword in supplemental TEXT", "read", "",
             keywords=keywords, tail=supplement, keyword=("$P1S", "CD45")),
        text("supplemental-text-missing", "supplemental TEXT past the end", "repaired",
             "supplemental TEXT", keywords={"$BEGINSTEXT": "900000", "$ENDSTEXT": "900100"}),
        text("blank-padded-offsets", "offsets padded with blanks on the right", "read", "",
             made=_left_aligned(_file(keywords=dot))),
    ]  # fmt: skip


def _left_aligned(data: bytes) -> bytes:
    fields = [data[10 + 8 * i : 18 + 8 * i].strip().ljust(8) for i in range(6)]
    return data[:10] + b"".join(fields) + data[58:]


def _place_quirks() -> list[QuirkFile]:
    def place(name: str, quirk: str, verdict: Verdict, words: str, **more: object) -> QuirkFile:
        return _floats(name, quirk, verdict, words, group="place and number", **more)

    begin, end = _place()
    late, data = (begin, end + 1), float_bytes()
    noise = np.random.default_rng(1).bytes(64)
    without = {"$BEGINDATA": None, "$ENDDATA": None}
    step = len(_file(keywords={"$NEXTDATA": f"{0:>8}"}))
    two = _file(keywords={"$NEXTDATA": f"{step:>8}"})
    size = 10**12
    claim = {"$TOT": str(size)}
    first = _place(keywords=claim, text_data=(0, 12 * size))[0]
    return [
        place("end-too-far", "end of DATA one byte too far", "repaired", "one byte too far",
              header_data=late, text_data=late),
        place("end-too-far-in-text", "$ENDDATA alone one byte too far", "repaired", "TEXT differ",
              text_data=late, tail=b"\0" * 8),
        place("header-99999999", "HEADER gives 99999999 as the end", "repaired", "TEXT used",
              header_data=(begin, 99_999_999)),
        place("header-0-0", "HEADER gives 0,0 in a small file", "repaired", "offsets of TEXT used",
              header_data=(0, 0)),
        place("header-0--1", "HEADER gives 0,-1", "repaired", "offsets of TEXT used",
              header_data=(0, -1)),
        place("no-begindata", "no $BEGINDATA", "repaired", "offsets of HEADER used",
              keywords=without),
        place("begindata-0", "$BEGINDATA 0", "repaired", "offsets of HEADER used",
              text_data=(0, 0)),
        place("header-early", "HEADER points 12 bytes before DATA", "repaired", "offsets of TEXT",
              header_data=(begin - 12, end - 12)),
        place("text-late", "TEXT points 1 byte past DATA, both fit", "repaired",
              "offsets of HEADER", text_data=(begin + 1, end + 1), tail=b"\0" * 8),
        place("noise-before-data", "HEADER points at noise between TEXT and DATA", "repaired",
              "offsets of TEXT", gap=noise, header_data=(begin, end),
              text_data=(begin + 64, end + 64)),
        place("nowhere", "HEADER and TEXT differ and neither fits", "refused", "different places",
              header_data=(begin + 12, end + 400), text_data=(begin + 24, end + 300)),
        place("tot-missing", "no $TOT", "repaired", "no usable $TOT", keywords={"$TOT": None}),
        place("tot-too-large", "$TOT says 9 events, DATA holds 4", "refused", "incomplete",
              keywords={"$TOT": "9"}),
        place("tot-too-small", "$TOT says 3 events, DATA holds 4", "repaired", "the latter taken",
              keywords={"$TOT": "3"}),
        place("tot-0-with-data", "$TOT 0 with data (copied while written)", "repaired",
              "the latter taken", keywords={"$TOT": "0"}),
        place("tot-0-without-place", "$TOT 0, no place of DATA, bytes after TEXT", "refused",
              "being written", keywords={"$TOT": "0"}, header_data=(0, 0), text_data=(0, 0)),
        place("million-million", "claims 10^12 events", "refused", "cut short", keywords=claim,
              header_data=(0, 0), text_data=(first, first + 12 * size - 1)),
        place("no-events", "no events", "read", "", data=b"", keywords={"$TOT": "0"},
              stored=np.empty((0, 3))),
        place("truncated", "truncated within the last event", "refused", "cut short",
              made=_file()[:-5]),
        place("truncated-whole", "truncated between two events", "refused", "cut short",
              made=_file()[:-12]),
        place("padding", "zeros within DATA after the last event", "repaired", "left unread",
              data=data + bytes(36)),
        place("crc", "eight bytes of CRC after DATA", "read", "", tail=b"12345678"),
        place("two-data-sets", "two data sets", "repaired", "only the first is", made=two + _file(),
              keyword=None),
        place("two-copies", "two copies of the events, as in LMD files", "repaired",
              "only the first is", made=two + two.replace(f"{step:>8}".encode(), b"       0")),
        place("nextdata-past-end", "$NEXTDATA past the end", "repaired", "no data set",
              keywords={"$NEXTDATA": "99999"}),
        place("no-nextdata", "no $NEXTDATA", "read", "", keywords={"$NEXTDATA": None}),
    ]  # fmt: skip


def _value_quirks() -> list[QuirkFile]:
    def value(name: str, quirk: str, verdict: Verdict, words: str, **more: object) -> QuirkFile:
        return _floats(name, quirk, verdict, words, group="values", **more)

    little = np.frombuffer(float_bytes(), dtype=np.uint8).reshape(-1, 4)
    odd = EVENTS.copy()
    odd[1, 0], odd[2, 1] = np.nan, np.inf
    doubles = {"$DATATYPE": "D", **describe_channels(bits=64)}
    mixed = np.zeros(4, dtype=[("a", "<f4"), ("b", "<u4"), ("c", "<f4")])
    mixed["a"], mixed["b"], mixed["c"] = EVENTS[:, 0], [1, 2, 3, 4_000_000_000], EVENTS[:, 2]
    mixed_truth = np.column_stack([mixed[name].astype(float) for name in "abc"])
    wrapped = EVENTS.copy()
    wrapped[:, 2] = [65000, 65500, 10, 400]
    gain = EVENTS * [0.25, 1, 0.01]
    unscaled = EVENTS * [1, 1, 1]
    return [
        value("big-endian", "byte order 4,3,2,1", "read", "", data=float_bytes(code=">f4"),
              keywords={"$BYTEORD": "4,3,2,1"}),
        value("order-3412", "byte order 3,4,1,2", "read", "",
              data=little[:, [2, 3, 0, 1]].tobytes(), keywords={"$BYTEORD": "3,4,1,2"}),
        value("order-12", "byte order 1,2 with values of 4 bytes", "repaired", "fewer bytes",
              keywords={"$BYTEORD": "1,2"}),
        value("doubles", "data type D", "read", "", data=float_bytes(code="<f8"),
              keywords=doubles),
        value("pndatatype", "FCS 3.2 $PnDATATYPE: integers among floats", "read", "",
              data=mixed.tobytes(), version="3.2", stored=mixed_truth,
              keywords={"$P2DATATYPE": "I", "$P2R": "4294967296"}),
        value("pndatatype-wider", "FCS 3.2 $PnDATATYPE: Time as D among F", "read", "",
              data=_with_double_time(), version="3.2",
              keywords={"$P3DATATYPE": "D", "$P3B": "64"}),
        value("nan-inf", "NaN and infinite values", "read", "", data=float_bytes(odd), stored=odd),
        value("above-range", "floats above $PnR", "read", "", keywords={"$P2R": "1024"}),
        value("range-decimal", "$PnR written as a decimal number", "repaired", "whole number",
              keywords={"$P1R": "262144.0"}),
        value("range-na", "$PnR NA", "repaired", "no usable $PnR", keywords={"$P3R": "NA"}),
        value("range-missing", "no $PnR", "repaired", "no usable $PnR", keywords={"$P3R": None}),
        value("range-huge", "$PnR 1e30", "repaired", "whole number", keywords={"$P1R": "1e30"}),
        value("two-names", "two equal $PnN", "repaired", "stands twice",
              keywords={"$P2N": "FSC-A"}, channels=("FSC-A", "FSC-A_2", "Time")),
        value("comma-in-name", "a comma in $PnN", "read", "", keywords={"$P2N": "PE, A"},
              channels=("FSC-A", "PE, A", "Time")),
        value("no-name", "no $PnN", "repaired", "named by its number", keywords={"$P2N": None},
              channels=("FSC-A", "P2", "Time")),
        value("gain", "$PnG 4", "read", "", keywords={"$P1G": "4"}, linear=gain),
        value("log-floats", "logarithmic $PnE with floats", "repaired", "floats are linear",
              keywords={"$P1E": "4,1"}, linear=EVENTS * TIME_FACTORS),
        value("timestep-missing", "no $TIMESTEP", "repaired", "no usable $TIMESTEP",
              keywords={"$TIMESTEP": None}, linear=unscaled),
        value("timestep-text", "$TIMESTEP that is no number", "repaired", "no usable $TIMESTEP",
              keywords={"$TIMESTEP": "xxxxxx"}, linear=unscaled),
        value("time-gain", "Time with $PnG 0.01 beside $TIMESTEP 0.01 (BD)", "repaired",
              "only $TIMESTEP", keywords={"$P3G": "0.01"}, linear=EVENTS * TIME_FACTORS),
        value("time-wraps", "Time that wraps", "read", "", data=float_bytes(wrapped),
              stored=wrapped),
        value("two-times", "two Time channels", "repaired", "two Time",
              keywords={"$P2N": "TIME"}, linear=EVENTS * [1, 0.01, 1], scale=False,
              channels=("FSC-A", "TIME", "Time")),
    ]  # fmt: skip


def _with_double_time() -> bytes:
    stored = np.zeros(4, dtype=[("a", "<f4"), ("b", "<f4"), ("c", "<f8")])
    for column, name in enumerate("abc"):
        stored[name] = EVENTS[:, column]
    return stored.tobytes()


def _integer_quirks() -> list[QuirkFile]:
    wide = (COUNTS | 0xA400).astype("<u2").tobytes()
    logs = _integers("log-integers", "logarithmic $PnE 4,1 with integers", (16, 16, 16), P1E="4,1")
    scaled = COUNTS * TIME_FACTORS
    scaled[:, 0] = 10.0 ** (4 * COUNTS[:, 0] / 1024)
    zero = _integers(
        "log-zero", "logarithmic $PnE 4,0", (16, 16, 16), P1E="4,0", verdict="repaired",
        words="no value for 0",
    )  # fmt: skip
    above = np.array([[1010, 1, 1], [999, 2, 2], [1000, 3, 3], [5, 4, 4]])
    kept = QuirkFile(
        name="integers-above-range",
        group="integers",
        quirk="integers between $PnR 1000 and the next power of two",
        data=_file(above.astype("<u2").tobytes(), keywords=_integer_keywords((16,) * 3, "1000")),
        verdict="read",
        stored=above.astype(float),
        linear=above * TIME_FACTORS,
    )
    return [
        _integers("int-8", "integers of 8 and 16 bits", (16, 16, 8)),
        _integers("int-10-in-16", "values of 10 bits in words of 16", (10, 10, 10),
                  data=COUNTS.astype("<u2").tobytes()),
        _integers("int-16", "integers of 16 bits, little endian", (16, 16, 16)),
        _integers("int-16-big", "integers of 16 bits, big endian", (16, 16, 16), order="big"),
        _integers("int-24", "integers of 24 bits, little endian", (24, 24, 24)),
        _integers("int-24-big", "integers of 24 bits, big endian", (24, 24, 24), order="big"),
        _integers("int-32-big", "integers of 32 bits, big endian", (32, 32, 32), order="big"),
        _integers("int-64", "integers of 64 bits", (64, 64, 64)),
        _integers("int-64-no-range", "integers of 64 bits, $PnR 2^64", (64, 64, 64),
                  P1R=str(2**64), verdict="repaired", words="2^53"),
        _integers("int-mixed", "integers of 16, 24 and 32 bits", (16, 24, 32)),
        _integers("int-mixed-big", "integers of 16, 24 and 32 bits, big endian", (16, 24, 32),
                  order="big"),
        _integers("int-junk", "junk above the bits of $PnR", (16, 16, 16), data=wide),
        _integers("int-range-na", "integers with $PnR NA", (16, 16, 16), P1R="NA",
                  verdict="repaired", words="no usable $PnR"),
        _integers("int-packed", "values of 10 bits packed without gaps", (10, 10, 10),
                  data=bytes(15), verdict="refused", words="packed"),
        kept,
        replace(logs, linear=scaled, scale=True),
        replace(zero, linear=scaled, scale=True),
    ]  # fmt: skip


def _spillover_quirks() -> list[QuirkFile]:
    matrix = np.array([[1.0, 0.05], [0.1, 1.0]])

    def spill(
        name: str, quirk: str, text: str, verdict: Verdict, words: str = "", **keywords: str
    ) -> QuirkFile:
        described = {"$SPILLOVER": text, "$P1N": "APC-A"} | {
            f"${key}": v for key, v in keywords.items()
        }
        truth = np.array([[2.0, 0.05], [0.1, 1.0]]) if "diagonal" in name else matrix
        return QuirkFile(
            name=name,
            group="spillover",
            quirk=quirk,
            data=_file(keywords=described),  # type: ignore[arg-type]
            verdict=verdict,
            words=words,
            stored=EVENTS,
            linear=EVENTS * TIME_FACTORS,
            channels=(keywords.get("P1N", "APC-A"), "PE-A", "Time"),
            about_spillover=True,
            spillover=None if verdict == "refused" else truth,
        )

    return [
        spill("spill-blanks", "blanks around the entries", " 2 , APC-A, PE-A , 1, 0.05, 0.1 , 1",
              "read"),
        spill("spill-indices", "parameter numbers for names", "2,1,2,1,0.05,0.1,1", "repaired",
              "parameter numbers"),
        spill("spill-labels", "$PnS for names", "2,CD45,CK,1,0.05,0.1,1", "repaired", "$PnS",
              P1S="CD45", P2S="CK"),
        spill("spill-comma-name", "a name with a comma", "2,APC, A,PE-A,1,0.05,0.1,1", "read",
              P1N="APC, A"),
        spill("spill-diagonal", "a diagonal that is not 1", "2,APC-A,PE-A,2,0.05,0.1,1", "read"),
        spill("spill-decimal-commas", "decimal commas", "2,APC-A,PE-A,1,0,0,05,0,1,1,0",
              "refused", "decimal commas"),
        spill("spill-n-small", "n smaller than its names", "1,APC-A,PE-A,1,0.05,0.1,1", "refused",
              "announces 1 channels"),
        spill("spill-n-large", "n larger than its names", "3,APC-A,PE-A,1,0.05,0.1,1", "refused",
              "announces 3 channels"),
        spill("spill-blank-entry", "a blank entry", "2,APC-A,PE-A,1,,0.1,1", "refused", "blank"),
        spill("spill-unknown", "a name that no channel has", "2,APC-A,XX,1,0.05,0.1,1", "refused",
              "not channels of the file"),
    ]  # fmt: skip


QUIRK_FILES: tuple[QuirkFile, ...] = (
    _floats("sound", "none: a sound file of floats", "read", "", group="none"),
    *_text_quirks(),
    *_place_quirks(),
    *_value_quirks(),
    *_integer_quirks(),
    *_spillover_quirks(),
)
