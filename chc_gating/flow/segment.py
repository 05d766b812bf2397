"""Where the DATA segment really lies, and how many events it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chc_gating.errors import RawFileError
from chc_gating.flow.file_bytes import FileBytes
from chc_gating.flow.header import HEADER_BYTES, Header
from chc_gating.flow.numerals import parse_integer
from chc_gating.flow.repairs import RepairLog

_NO_END = (0, -1, 99_999_999)
"""What files write as the end of DATA when it does not fit the header's eight digits."""


@dataclass(frozen=True)
class DataSegment:
    """First byte of DATA and the number of events."""

    begin: int
    event_count: int


@dataclass(frozen=True)
class _Claim:
    """Where HEADER or TEXT says that DATA lies; ``end`` is the last byte, None if not given."""

    source: str
    begin: int
    end: int | None

    @property
    def length(self) -> int | None:
        return None if self.end is None else self.end - self.begin + 1


class DataLocator:
    """Finds DATA from what HEADER, TEXT and $TOT say and what the file holds.

    Parameters
    ----------
    raw : the bytes of the file.
    event_bytes : width of an event.
    whole_words : the values have odd widths; only exact lengths show that they lie in words.
    plausibility : from a first byte to the share of events there that look real, 0 to 1.
    """

    def __init__(
        self,
        raw: FileBytes,
        *,
        event_bytes: int,
        whole_words: bool,
        plausibility: Callable[[int], float],
        repairs: RepairLog,
    ) -> None:
        self._raw = raw
        self._event_bytes = event_bytes
        self._whole_words = whole_words
        self._plausibility = plausibility
        self._repairs = repairs

    def locate(self, header: Header, keywords: Mapping[str, str]) -> DataSegment:
        """Return where DATA lies.

        Raises RawFileError where the file is shorter than it says, and where what it says is in
        conflict and cannot be resolved.
        """
        total = self._total(keywords)
        claims = self._claims(header, keywords)
        if not claims:
            return self._without_claims(header, total)
        claim = self._choose(claims, total, header)
        if self._whole_words and (total is None or not self._fits(claim, total)):
            raise RawFileError(
                "its values have odd numbers of bits ($PnB) and do not lie in whole words: the "
                "order of bits packed without gaps is not defined; export it again with 16 or 32"
            )
        count = self._count(claim, total)
        return DataSegment(claim.begin, count)

    def _total(self, keywords: Mapping[str, str]) -> int | None:
        total = parse_integer(keywords.get("$TOT"))
        if total is None or total < 0:
            self._repairs.note("no usable $TOT; events counted from the length of DATA")
            return None
        return total

    def _claims(self, header: Header, keywords: Mapping[str, str]) -> list[_Claim]:
        begin, end = (parse_integer(keywords.get(k)) for k in ("$BEGINDATA", "$ENDDATA"))
        from_header = self._claim("HEADER", header.data_begin, header.data_end, header)
        from_text = self._claim("TEXT", begin, end, header)
        if from_text is None and from_header is not None and header.version != "2.0":
            self._repairs.note("no usable $BEGINDATA; the offsets of HEADER used")
        if from_header is None and from_text is not None and len(self._raw) < _NO_END[-1]:
            self._repairs.note("HEADER gives no usable place of DATA; the offsets of TEXT used")
        return [claim for claim in (from_header, from_text) if claim is not None]

    def _claim(
        self, source: str, begin: int | None, end: int | None, header: Header
    ) -> _Claim | None:
        # TEXT's own end may be one too far: DATA may begin at its last byte, not before it.
        if begin is None or begin < HEADER_BYTES or header.text_begin <= begin < header.text_end:
            return None
        if end is None or end in _NO_END or end < begin - 1:
            end = None
        return _Claim(source, begin, end)

    def _without_claims(self, header: Header, total: int | None) -> DataSegment:
        rest = len(self._raw) - header.text_end - 1
        if total == 0 and rest < self._event_bytes:
            return DataSegment(len(self._raw), 0)
        raise RawFileError(
            "says nowhere where its DATA lies; it may have been copied while it was being "
            "written: copy or export it again"
        )

    def _choose(self, claims: list[_Claim], total: int | None, header: Header) -> _Claim:
        if len(claims) == 1:
            return claims[0]
        if claims[0].begin == claims[1].begin and claims[0].end == claims[1].end:
            return claims[0]
        fitting = [claim for claim in claims if self._fits(claim, total)]
        if len(fitting) == 2:
            chosen = max(fitting, key=lambda claim: self._rank(claim, header))
            why = "both fit $TOT; what directly follows TEXT and looks like events was taken"
        elif len(fitting) == 1:
            chosen, why = fitting[0], "only these fit $TOT and the file"
        elif claims[0].begin == claims[1].begin:
            chosen, why = max(claims, key=lambda claim: claim.end or 0), "neither fits $TOT"
        else:
            raise RawFileError(
                "HEADER and TEXT give different places of DATA, and neither holds as many events "
                "as $TOT says within the file; copy or export it again"
            )
        self._repairs.note(
            f"HEADER and TEXT differ on where DATA lies; the offsets of {chosen.source} used: {why}"
        )
        return chosen

    def _rank(self, claim: _Claim, header: Header) -> tuple[float, bool, bool]:
        follows = claim.begin == header.text_end + 1
        return round(self._plausibility(claim.begin), 1), follows, claim.source == "TEXT"

    def _fits(self, claim: _Claim, total: int | None) -> bool:
        length, size = claim.length, self._event_bytes
        if length is None:
            return False
        count = length // size if total is None else total
        inside = claim.begin + count * size <= len(self._raw)
        return inside and length in (count * size, count * size + 1)

    def _count(self, claim: _Claim, total: int | None) -> int:
        """Return the number of events; the end of DATA and $TOT check each other."""
        if claim.length is None:
            if total is None:
                raise RawFileError("gives neither the end of DATA nor $TOT; export it again")
            self._repairs.note("the end of DATA is not given; taken from $TOT")
            return self._inside(claim, total)
        held, rest = divmod(claim.length, self._event_bytes)
        if total is None:
            self._inside(claim, held)
            if rest > 1:
                raise RawFileError("its DATA is no whole number of events, and $TOT is missing")
            return self._with_end(rest, held)
        if held == total and rest <= 1:
            return self._with_end(rest, self._inside(claim, held))
        return self._reconcile(claim, total, held, rest)

    def _reconcile(self, claim: _Claim, total: int, held: int, rest: int) -> int:
        """Return the number of events where $TOT and the length of DATA disagree."""
        self._inside(claim, held)
        if total < held:
            return self._with_surplus(claim, total, held, rest)
        if total == held:
            self._repairs.note(f"{rest} bytes of DATA after the last event left unread")
            return total
        raise RawFileError(
            f"$TOT says {total} events, but DATA holds {held}: it is incomplete; "
            "copy or export it again"
        )

    def _with_surplus(self, claim: _Claim, total: int, held: int, rest: int) -> int:
        assert claim.end is not None
        end = min(claim.end + 1, len(self._raw))
        last = claim.begin + total * self._event_bytes
        if total > 0 and (rest > 1 or self._raw.is_blank(last, end)):
            self._repairs.note(
                f"{max(0, end - last)} bytes of DATA after the $TOT events left unread"
            )
            return total
        if rest > 1:
            raise RawFileError(
                "$TOT is 0, and DATA is no whole number of events; it may have been copied while "
                "it was being written: copy it again"
            )
        self._repairs.note(f"$TOT says {total} events, DATA holds {held}; the latter taken")
        return self._with_end(rest, held)

    def _with_end(self, rest: int, count: int) -> int:
        if rest == 1:
            self._repairs.note("the end of DATA is given one byte too far; ignored")
        return count

    def _inside(self, claim: _Claim, count: int) -> int:
        last = claim.begin + count * self._event_bytes
        if last > len(self._raw):
            raise RawFileError(
                f"is cut short: its events end at byte {last}, the file has {len(self._raw)} "
                "bytes; copy it again from the cytometer"
            )
        return count
