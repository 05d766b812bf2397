"""A hundred million events stream in the memory of a million, floats and integers alike."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fcs_files import describe_channels, fcs_bytes

FEW, MANY = 10**6, 10**8
KINDS = [
    pytest.param({}, 12, id="float32"),
    pytest.param({"$DATATYPE": "I", **describe_channels(bits=16, limit="1024")}, 6, id="uint16"),
]
ALLOWED_KB = 48 * 1024
"""What the allocator may keep; every batch is read into the same room."""


def write_sparse(path: Path, keywords: dict[str, str | None], *, count: int, width: int) -> Path:
    """Write a file of ``count`` events of zeros that takes no room on the disk."""
    described = keywords | {"$TOT": str(count)}
    begin = 1024
    ends = (begin, begin + count * width - 1)
    head = fcs_bytes(b"", keywords=described, header_data=(0, 0), text_data=ends)
    path.write_bytes(head.ljust(begin))
    os.truncate(path, begin + count * width)
    return path


@pytest.mark.parametrize(("keywords", "width"), KINDS)
def test_memory_does_not_grow_with_events(
    tmp_path: Path, keywords: dict[str, str | None], width: int
) -> None:
    few = write_sparse(tmp_path / "few.fcs", keywords, count=FEW, width=width)
    many = write_sparse(tmp_path / "many.fcs", keywords, count=MANY, width=width)
    code = """
        import resource, sys
        from chc_gating.flow.fcs import open_fcs
        for path in sys.argv[1:]:
            count = 0
            for batch in open_fcs(path).event_stream().batches(65_536):
                count += len(batch)
                assert not batch[:, 0].any()
            print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(few), str(many)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    (first, little), (second, much) = (map(int, line.split()) for line in done.stdout.splitlines())

    assert (first, second) == (FEW, MANY)
    assert much - little < ALLOWED_KB
