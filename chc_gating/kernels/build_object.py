"""Compile a kernel to object code that needs neither numba nor Python to run.

Imported only where there is no object file yet (`kernels/objects.py`), since it imports numba.
"""

from __future__ import annotations

import ctypes
import importlib
import re
from collections.abc import Iterator
from threading import Lock
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj

from chc_gating.kernels.options import import_for_objects
from chc_gating.kernels.processor import target_machine

_WORDS: Any = types.CPointer(types.int64)  # type: ignore[no-untyped-call]

_ONE_AT_A_TIME = Lock()

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,  # as all that is imported for objects
}


def build_object(module: str, name: str, form: str) -> tuple[str, bytes]:
    """Return the entry's symbol and the object code of a kernel for a form of what it is given.

    Raises AssertionError where the kernel would need something that is not in the code: it
    allocates arrays, or calls Python.
    """
    with _ONE_AT_A_TIME:
        kernel = getattr(import_for_objects(module), name)
    names: dict[str, Any] = {"kernel": kernel, "word": numba.njit(**_OPTIONS)(_read_word)}
    call = _write_call(_tokens(form), names)
    entry: Any = numba.njit(**_OPTIONS)(eval(f"lambda words: kernel({call})", names))
    entry.compile((_WORDS,))
    compiled = entry.overloads[(_WORDS,)]
    if compiled.signature.return_type not in (types.none, types.int64):
        raise AssertionError(f"{name} returns neither int64 nor nothing")
    code = llvm.parse_assembly(entry.inspect_llvm((_WORDS,)))
    _require_complete(code, name)
    return compiled.fndesc.llvm_func_name, target_machine().emit_object(code)


def _require_complete(code: llvm.ModuleRef, name: str) -> None:
    """Raise where code calls what only numba has: loading it without numba would end a process."""
    process = ctypes.CDLL(None)
    for called in (*code.functions, *code.global_variables):
        if not called.is_declaration or called.name.startswith("llvm."):
            continue
        if called.name.startswith(("Py", "_Py")) or not hasattr(process, called.name):
            raise AssertionError(f"kernel {name} calls {called.name}, which only numba has")


def _tokens(form: str) -> Iterator[str]:
    return iter(re.findall(r"[\w.]+:\d+|int|[\w.]+\(|\)", form))


def _write_call(tokens: Iterator[str], names: dict[str, Any]) -> str:
    """Return the arguments of a form as source text, and put what it uses into names."""
    place = 0

    def write_until_closed() -> str:
        nonlocal place
        parts = []
        for token in tokens:
            if token == ")":
                break
            if token == "int":
                parts.append(f"word(words, {place})")
                place += 1
            elif token.endswith("("):
                module, _, kind = token[:-1].rpartition(".")
                names[kind] = getattr(importlib.import_module(module), kind)
                parts.append(f"{kind}({write_until_closed()})")
            else:
                dtype, _, ndim = token.partition(":")
                reader = f"{dtype}_{ndim}"
                names[reader] = names.get(reader) or _array_reader(dtype, int(ndim))
                parts.append(f"{reader}(words, {place})")
                place += 1 + int(ndim)
        return ", ".join(parts)

    return write_until_closed()


def _read_word(words, place):  # type: ignore[no-untyped-def]
    return words[place]


def _array_reader(dtype: str, ndim: int) -> Any:
    """Return what makes the words from a place on into a contiguous array."""
    kind = types.Array(numba.from_dtype(np.dtype(dtype)), ndim, "C")

    populate_array: Any = arrayobj.populate_array

    @intrinsic
    def read_array(typing_context, words, place):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, given):  # type: ignore[no-untyped-def]
            def word(k: int) -> Any:
                at = builder.add(given[1], ir.Constant(given[1].type, k))
                return builder.load(builder.gep(given[0], [at]))

            made = context.make_array(kind)(context, builder)
            item = context.get_constant(types.intp, _item_bytes(context, kind))
            shape = [word(1 + d) for d in range(ndim)]
            strides = [item]
            for length in reversed(shape[1:]):
                strides.insert(0, builder.mul(strides[0], length))
            populate_array(
                made,
                data=builder.inttoptr(word(0), made.data.type),
                shape=shape,
                strides=strides,
                itemsize=item,
                meminfo=None,
            )
            return made._getvalue()

        return kind(words, place), generate

    return read_array


def _item_bytes(context: Any, kind: Any) -> int:
    return int(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
