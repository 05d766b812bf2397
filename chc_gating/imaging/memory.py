"""Memory that is given back is kept for the next block, where the C library can be told so."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENAS = -1, -3, -8
"""Names of glibc's settings (malloc.h)."""

_KEPT_BYTES = 256 << 20
_LARGEST_BYTES = 32 << 20
"""An array of a block is smaller: glibc takes nothing greater from memory that it keeps."""


def keep_freed_memory() -> None:
    """Keep up to 256 MB that arrays give back, for the next ones.

    Blocks of a slide need the same arrays, of some megabytes each. glibc gives those back to the
    system at once and takes them anew, page by page and filled with zeros, which is a sixth of the
    time that measuring takes. The peak of memory stays. Threads share one store of what was given
    back, else each would keep its own. Nothing happens with other C libraries.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)
    mallopt(_ARENAS, 1)
