"""The only place of numba's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

Kernel = Callable[..., Any]

kernel: Callable[[Kernel], Kernel] = numba.njit(
    nogil=True, cache=True, fastmath=False, error_model="numpy"
)
"""Compile a function: cached on disk, without the interpreter's lock, x / 0 as IEEE says.

No fastmath: it lets the compiler assume that no value is NaN, so that isnan is always false.
"""
