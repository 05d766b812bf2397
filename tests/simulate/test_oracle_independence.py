from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOMS_OF_THE_PIPELINE = {"gating", "kernels", "compensation", "flow", "imaging", "counting"}
SHARED_LOGIC = {"chc_gating.model.expression", "chc_gating.model.phenotypes"}


@pytest.mark.parametrize(
    "module", ["oracle_rules", "oracle_gates", "oracle_flow", "oracle_slide", "matching"]
)
def test_the_oracle_shares_no_code_with_what_it_checks(repository: Path, module: str) -> None:
    source = (repository / "chc_gating" / "simulate" / f"{module}.py").read_text()
    imported = [
        node.module or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    ]
    ours = [name for name in imported if name.startswith("chc_gating.")]
    assert not {name.split(".")[1] for name in ours} & ROOMS_OF_THE_PIPELINE
    assert not set(ours) & SHARED_LOGIC
