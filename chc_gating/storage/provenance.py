"""What a result was made from: files with size and hash, and the program's version."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from chc_gating.model.acquisition import InputFile

_CHUNK_BYTES = 1 << 20


def software_version() -> str:
    """Return the version of the installed package."""
    from chc_gating import __version__

    return __version__


def describe_input(role: str, path: Path, *, fingerprint: bool = True) -> InputFile:
    """Return a file's path, size and SHA-256; without hash where ``fingerprint`` is false.

    A file that does not exist has neither size nor hash, one that may not be read no hash.
    """
    if not path.is_file():
        return InputFile(role=role, path=str(path))
    readable = os.access(path, os.R_OK)
    sha256 = _hash_file(path) if fingerprint and readable else None
    return InputFile(role=role, path=str(path), size_bytes=path.stat().st_size, sha256=sha256)


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
