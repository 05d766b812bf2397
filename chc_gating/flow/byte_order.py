"""$BYTEORD: in which order the bytes of a value stand."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.errors import RawFileError
from chc_gating.flow.numerals import parse_integer
from chc_gating.flow.repairs import RepairLog


@dataclass(frozen=True)
class ByteOrder:
    """Significance of each stored byte of a word, 1 the least; plain when little or big endian."""

    ranks: tuple[int, ...]

    @property
    def is_little(self) -> bool:
        """Whether the least significant byte comes first, in a word of any width."""
        return self.ranks == tuple(sorted(self.ranks))

    @property
    def is_big(self) -> bool:
        """Whether the most significant byte comes first, in a word of any width."""
        return not self.is_little and self.ranks == tuple(sorted(self.ranks, reverse=True))

    def little_positions(self, width: int) -> tuple[int, ...]:
        """Return, for a value of ``width`` bytes, where its bytes stand, least significant first.

        In the order 3,4,1,2 a value of two bytes has the order within a half word.
        """
        if self.is_little:
            return tuple(range(width))
        if self.is_big:
            return tuple(reversed(range(width)))
        ranks = self.ranks[:width]
        return tuple(sorted(range(width), key=ranks.__getitem__))


LITTLE = ByteOrder((1, 2, 3, 4))


def parse_byte_order(text: str | None, *, widths: set[int], repairs: RepairLog) -> ByteOrder:
    """Return the order that $BYTEORD gives for values of these widths in bytes.

    Raises RawFileError where it is absent or no order of bytes (and a value has more than one),
    and where a mixed order does not say how a value of such a width is stored.
    """
    parts = [parse_integer(part) for part in (text or "").split(",")]
    ranks = tuple(part for part in parts if part is not None)
    if len(ranks) != len(parts) or sorted(ranks) != list(range(1, len(ranks) + 1)):
        if widths == {1}:
            return LITTLE
        raise RawFileError("its $BYTEORD is absent or gives no order of bytes")
    order = ByteOrder(ranks)
    if len(ranks) == 1 and widths != {1}:
        raise RawFileError("its $BYTEORD gives the order of one byte, but values have more")
    if not (order.is_little or order.is_big) and not _defines(ranks, widths):
        raise RawFileError("its mixed $BYTEORD does not say how values of other widths are stored")
    # "1,2,3,4" beside values of 8 bytes is how every double file is written.
    if len(ranks) < min(4, max(widths)):
        repairs.note("$BYTEORD names fewer bytes than a value has; read as its direction")
    return order


def _defines(ranks: tuple[int, ...], widths: set[int]) -> bool:
    halves = len(ranks) == 4 and {ranks[:2], ranks[2:]} in ({(3, 4), (1, 2)}, {(4, 3), (2, 1)})
    allowed = {1, len(ranks)} | ({2} if halves else set())
    return widths <= allowed
