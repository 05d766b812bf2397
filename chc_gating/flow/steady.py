"""Whether a file is still the one that was opened: none that is being written is counted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from chc_gating.errors import RawFileError


@dataclass(frozen=True)
class FileState:
    """What changes when a file is written or replaced."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Return the state that a stat call found."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def require_unchanged(path: Path, opened: FileState) -> None:
    """Raise RawFileError where the file at ``path`` is no longer as it was when it was opened.

    Called before every batch: a file that grows is still being copied, so its events are not all
    there, and one that shrinks or is rewritten holds other events than those that were counted.
    """
    try:
        now = FileState.of(path.stat())
    except OSError:
        raise RawFileError(f"{path}: was removed while it was read; copy it again") from None
    if now == opened:
        return
    if now.size == opened.size:
        what = "was written to"
    else:
        what = f"changed from {opened.size} to {now.size} bytes"
    raise RawFileError(
        f"{path}: {what} while it was read; wait until it is copied or saved completely, "
        "then run again"
    )
