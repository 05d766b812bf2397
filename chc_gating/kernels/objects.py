"""Kernels as machine code in files: loaded by llvmlite alone, so that no process waits for numba.

numba takes 0.3 s to be imported and to load the kernels that it caches itself; a small file is
gated in less. So a kernel is compiled once (`kernels/build_object.py`, the only place that needs
numba) to a function of one argument, and its object code is kept in a file; loading that takes
milliseconds, and ctypes calls it without the interpreter's lock.

The argument is the address of a row of int64 words, in which all that the kernel is given is laid
out: an array as the address of its first item and its shape, an integer as itself, a tuple as its
fields one after the other. A word describes nothing, so the forms of what is given (types and
dimensions) are part of the file's name, and each form has code of its own.

A file's name also holds hashes of everything that the code depends on: of the versions of Python,
numpy, numba and llvmlite and of the processor's name and features, and, last, of the sources of all
kernels. What is stale is never found; beside the kernels, where only one set of sources lies, files
of other sources are removed when one is written. What is damaged does not have the checksum of its
first line, and is built anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from chc_gating.kernels.processor import describe_processor, target_machine

if TYPE_CHECKING:
    import llvmlite.binding as llvm

_LOG = logging.getLogger(__name__)
_BUILD_LOG = _LOG.getChild("build")
"""Says that somebody waits for a kernel."""

_BESIDE = Path(__file__).parent / "__pycache__"

_Entry = Callable[[Any, Any, int], int]


@dataclass(frozen=True)
class Laid:
    """Something given, laid out: its words, and its form, in which no value stands.

    ``given`` keeps the memory that the words point to.
    """

    given: object
    form: str
    words: array[int]


@contextmanager
def building_ahead() -> Iterator[None]:
    """Compile kernels without a warning: that is what they are called for."""
    level = _BUILD_LOG.level
    _BUILD_LOG.setLevel(logging.ERROR)
    try:
        yield
    finally:
        _BUILD_LOG.setLevel(level)


def lay_out(given: object) -> Laid:
    """Return an array, an integer, or a named tuple of both, as words.

    Raises TypeError for anything else, and ValueError for an array that is not contiguous,
    aligned and in the machine's byte order: kernels are compiled for no other.
    """
    if isinstance(given, Laid):
        return given
    if isinstance(given, np.ndarray):
        flags = given.flags
        if not (flags.c_contiguous and flags.aligned and given.dtype.isnative):
            raise ValueError("kernels take contiguous, aligned arrays")
        place = given.__array_interface__["data"][0]
        return Laid(
            given, f"{_name_type(given.dtype)}:{given.ndim}", array("q", (place, *given.shape))
        )
    if isinstance(given, int | np.integer):
        return Laid(given, "int", array("q", (int(given),)))
    if not isinstance(given, tuple):
        raise TypeError(f"kernels take arrays, integers and tuples of them, not {type(given)}")
    fields, words = [lay_out(field) for field in given], array("q")
    for field in fields:
        words += field.words
    kind = type(given)
    forms = ",".join(field.form for field in fields)
    return Laid(given, f"{kind.__module__}.{kind.__qualname__}({forms})", words)


@cache
def _name_type(dtype: np.dtype[Any]) -> str:
    """Return numpy's name of a type, which it makes up anew each time."""
    return dtype.name


class Compiled:
    """A kernel that is called by its object code; it returns an integer or nothing.

    The file of a form is looked for when it is first called, and written where there is none.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self._entries: dict[str, _Entry] = {}
        self._lock = Lock()

    def __call__(self, *given: object) -> int:
        """Call the kernel; arrays are written into, as the kernel does."""
        laid = [lay_out(value) for value in given]
        form, words = ",".join(part.form for part in laid), array("q")
        for part in laid:
            words += part.words
        entry = self._entries.get(form) or self._load(form)
        result, error = ctypes.c_int64(0), ctypes.c_void_p()
        status = entry(ctypes.byref(result), ctypes.byref(error), words.buffer_info()[0])
        if status != 0:
            raise AssertionError(f"kernel {self.name} failed with status {status}")
        return result.value

    def _load(self, form: str) -> _Entry:
        with self._lock:
            if form not in self._entries:
                found = _read_object(self.file_name(form)) or self._build(form)
                self._entries[form] = _link(*found)
            return self._entries[form]

    def file_name(self, form: str) -> str:
        """Return the name of the file that holds the code for a form, on this machine."""
        own = hashlib.sha256(f"{self.module}.{self.name}({form}) {_describe_machine()}".encode())
        return f"{self.name}-{own.hexdigest()[:32]}{_end_of_names()}"

    def _build(self, form: str) -> tuple[str, bytes]:
        from chc_gating.kernels.build_object import build_object

        _BUILD_LOG.warning(
            "kernel %s is compiled for this processor, once; `chc warm` does that ahead", self.name
        )
        symbol, code = build_object(self.module, self.name, form)
        _write_object(self.file_name(form), symbol, code)
        return symbol, code


def folders() -> Sequence[Path]:
    """Return where object files are looked for; the first that can be written takes new ones.

    NUMBA_CACHE_DIR, where it is set; __pycache__ beside the kernels; the user's cache folder.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    own = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return [Path(named)] if named else [_BESIDE, Path(own) / "chc_gating"]


@cache
def _end_of_names() -> str:
    """Return how the names of files of these sources end: with a hash of all kernels' sources."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"-{digest.hexdigest()[:32]}.kernel"


@cache
def _describe_machine() -> str:
    """Return what all code depends on beside its sources: versions, and the processor."""
    import llvmlite

    numba = find_spec("numba")
    if numba is None or numba.origin is None:
        raise ImportError("numba is not installed")
    numba_version = Path(numba.origin).with_name("_version.py").read_text(encoding="utf-8")
    versions = (sys.version, np.__version__, llvmlite.__version__, numba_version)
    return f"{versions!r} {describe_processor()}"


def _read_object(name: str) -> tuple[str, bytes] | None:
    """Return symbol and code of a file, None where there is none that is whole."""
    for folder in folders():
        try:
            head, _, code = (folder / name).read_bytes().partition(b"\n")
        except OSError:
            continue
        checksum, _, symbol = head.decode(errors="replace").partition(" ")
        if hashlib.sha256(code).hexdigest() == checksum:
            return symbol, code
        _LOG.warning("%s is damaged; it is compiled anew", folder / name)
    return None


def _write_object(name: str, symbol: str, code: bytes) -> None:
    head = f"{hashlib.sha256(code).hexdigest()} {symbol}\n".encode()
    for folder in folders():
        temporary = folder / f".{name}.{os.getpid()}.tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(head + code)
            temporary.replace(folder / name)
        except OSError:
            continue
        if folder == _BESIDE:
            _remove_stale(folder)
        return
    _LOG.warning("no folder for compiled kernels can be written; set NUMBA_CACHE_DIR to one")


def _remove_stale(folder: Path) -> None:
    """Remove the files of other sources; another process may do so too, or be about to read one.

    A process that misses its file compiles it anew. Folders that several checkouts or versions
    share are left alone: there each would remove what the others need.
    """
    for file in folder.glob("*.kernel"):
        if not file.name.endswith(_end_of_names()):
            with suppress(OSError):
                file.unlink()


_ENGINES: list[llvm.ExecutionEngine] = []
"""What holds the code that is loaded; it stays as long as the process."""


def _link(symbol: str, code: bytes) -> _Entry:
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _ENGINES.append(engine)
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return kind(engine.get_function_address(symbol))
