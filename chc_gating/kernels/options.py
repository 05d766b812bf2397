"""The only place of numba's options, and of what makes compiled kernels load fast and fresh."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
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
_for_objects: dict[str, Any] = {}
"""What is added to the options while kernels are imported for object code."""


def kernel(function: Kernel) -> Kernel:
    """Compile a function: cached on disk, without the interpreter's lock, x / 0 as IEEE says.

    No fastmath: it lets the compiler assume that no value is NaN, so that isnan is always false.

    A cached kernel holds the kernels that it calls, but numba compares the time of its own file
    only. So the state of all kernel files stands for each: a change of one renews them all.
    """
    return _compile(function, _OPTIONS)


def part(function: Kernel) -> Kernel:
    """Compile a part of a kernel, which only kernels call.

    It cannot be called from Python, and so has no code that takes apart the tuples of arrays that
    it is given; that code would be most of what a process has to load.
    """
    return _compile(function, _OPTIONS | _PART)


def _compile(function: Kernel, options: dict[str, Any]) -> Kernel:
    dispatcher: Any = numba.njit(**options | _for_objects)(function)
    if not _for_objects:
        dispatcher._cache._cache_file._source_stamp = _KERNEL_STAMP
    return dispatcher  # type: ignore[no-any-return]


def import_for_objects(module: str) -> ModuleType:
    """Return a kernel's module, imported anew with all that it calls, for object code.

    Its kernels count no references, so they need nothing of numba when they run; they make no
    array and hand none on. Code of the same kernels that was compiled with references, in this
    process or in numba's cache on disk, must not find its way into them, hence the new import.
    """
    room = importlib.import_module(__package__)
    before = {name: sys.modules.pop(name) for name in _list_kernel_modules()}
    _for_objects.update({"_nrt": False, "cache": False})
    try:
        return importlib.import_module(module)
    finally:
        _for_objects.clear()
        for name in _list_kernel_modules():
            del sys.modules[name]
            delattr(room, name.rpartition(".")[2])
        sys.modules.update(before)
        for name, known in before.items():
            setattr(room, name.rpartition(".")[2], known)


def _list_kernel_modules() -> list[str]:
    kept = (__name__, f"{__package__}.objects", f"{__package__}.build_object")
    return [name for name in sys.modules if name.startswith(f"{__package__}.") and name not in kept]


def _stamp_kernels() -> tuple[tuple[str, float, int], ...]:
    """Return name, time and size of every kernel file."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    states = ((file.name, file.stat()) for file in files)
    return tuple((name, state.st_mtime, state.st_size) for name, state in states)


_KERNEL_STAMP = _stamp_kernels()
