"""The only place of numba's options, and of what makes compiled kernels load fast and fresh."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba

Kernel = Callable[..., Any]


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Make a module that is not imported yet seem absent."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def _load_numba() -> None:
    """Import the part of numba that looks for a BLAS, without letting it find one.

    No kernel multiplies matrices, and looking for a BLAS imports scipy.linalg: 0.13 s of every
    process that loads a compiled kernel.
    """
    with _hidden("scipy.linalg"):
        importlib.import_module("numba.np.arraymath")


_load_numba()

_OPTIONS = {"nogil": True, "cache": True, "fastmath": False, "error_model": "numpy"}
_PART = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_IN_PLACE = {"_nrt": False}


def kernel(function: Kernel) -> Kernel:
    """Compile a function: cached on disk, without the interpreter's lock, x / 0 as IEEE says.

    No fastmath: it lets the compiler assume that no value is NaN, so that isnan is always false.

    A cached kernel holds the kernels that it calls, but numba compares the time of its own file
    only. So the state of all kernel files stands for each: a change of one renews them all.
    """
    return _compile(function, _OPTIONS)


def in_place(function: Kernel) -> Kernel:
    """Compile a kernel that makes no array and hands none on, but writes into those it is given.

    References are not counted, so its code needs nothing of numba when it runs: only such kernels,
    all the way down, can be kept as object code (`kernels/objects.py`).
    """
    return _compile(function, _OPTIONS | _IN_PLACE)


def in_place_part(function: Kernel) -> Kernel:
    """Compile a part of a kernel that works in place."""
    return _compile(function, _OPTIONS | _PART | _IN_PLACE)


def part(function: Kernel) -> Kernel:
    """Compile a part of a kernel, which only kernels call.

    It cannot be called from Python, and so has no code that takes apart the tuples of arrays that
    it is given; that code would be most of what a process has to load.
    """
    return _compile(function, _OPTIONS | _PART)


def _compile(function: Kernel, options: dict[str, Any]) -> Kernel:
    dispatcher: Any = numba.njit(**options)(function)
    dispatcher._cache._cache_file._source_stamp = _KERNEL_STAMP
    return dispatcher  # type: ignore[no-any-return]


def _stamp_kernels() -> tuple[tuple[str, float, int], ...]:
    """Return name, time and size of every kernel file."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    states = ((file.name, file.stat()) for file in files)
    return tuple((name, state.st_mtime, state.st_size) for name, state in states)


_KERNEL_STAMP = _stamp_kernels()
