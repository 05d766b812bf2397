"""The squares of a slide in which background and quality are told, and their states."""

from __future__ import annotations

SQUARE_PX = 256
"""Side of a square: some tens of cells wide, so that it holds background on most slides, and
narrow against the shading of a camera's field. Divides the block, so that a square lies in one."""

SCORED, OUT_OF_FOCUS, EMPTY, UNREAD, OUTSIDE = (
    "scored",
    "out_of_focus",
    "empty",
    "unread",
    "outside",
)
LOST = (OUT_OF_FOCUS, EMPTY, UNREAD)
"""States of squares that were not scored and should have been; outside is beyond the sample."""
