"""The processor that kernels are compiled for, as llvmlite knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import llvmlite.binding as llvm


def describe_processor() -> str:
    """Return system, name and features of the processor that code is made for."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"


def target_machine() -> llvm.TargetMachine:
    """Return what makes code for this processor, set up as numba does it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static" if "x86" in target.name else "default",
        codemodel="jitdefault",
        jit=True,
    )
