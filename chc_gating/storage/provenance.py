"""What a result was made from: files with size and hash, and the program's version."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from chc_gating.model.acquisition import InputFile

_CHUNK_BYTES = 1 << 20


def software_version() -> str:
    """Return the version of the installed package."""
    from chc_gating import __version__

    return __version__


def describe_input(role: str, path: Path, *, fingerprint: bool = True) -> InputFile:
    """Return a file's path, size and SHA-256; without hash where ``fingerprint`` is false.

    A folder (a slide of several files) has the size of all files in it, at any depth, and the
    hash of their relative paths, sizes and contents in the order of the paths: the same for a
    copy elsewhere. What does not exist has neither size nor hash, what may not be read no hash.
    """
    if path.is_dir():
        return _describe_folder(role, path, fingerprint=fingerprint)
    if not path.is_file():
        return InputFile(role=role, path=str(path))
    readable = os.access(path, os.R_OK)
    sha256 = _hash_file(path, hashlib.sha256()) if fingerprint and readable else None
    return InputFile(role=role, path=str(path), size_bytes=path.stat().st_size, sha256=sha256)


def describe_inputs(role: str, path: Path, files: Sequence[InputFile]) -> InputFile:
    """Return many files as one input: their common place, their size, and one hash of all.

    The hash is over the lines "name, blank, SHA-256" in the order of ``files``; None where one
    of them has none.
    """
    sizes = [file.size_bytes for file in files]
    hashes = [file.sha256 for file in files]
    lines = "".join(f"{Path(f.path).name} {f.sha256}\n" for f in files)
    whole = bool(files) and None not in hashes
    return InputFile(
        role=role,
        path=str(path),
        size_bytes=None if not files or None in sizes else sum(size or 0 for size in sizes),
        sha256=hashlib.sha256(lines.encode()).hexdigest() if whole else None,
    )


def _describe_folder(role: str, folder: Path, *, fingerprint: bool) -> InputFile:
    files = sorted(
        (file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file()
    )
    size = sum(file.stat().st_size for _, file in files)
    sha256 = None
    if fingerprint and all(os.access(file, os.R_OK) for _, file in files):
        digest = hashlib.sha256()
        for name, file in files:
            digest.update(f"{name}\0{file.stat().st_size}\0".encode(errors="surrogateescape"))
            _hash_file(file, digest)
        sha256 = digest.hexdigest()
    return InputFile(role=role, path=str(folder), size_bytes=size, sha256=sha256)


def _hash_file(path: Path, digest: hashlib._Hash) -> str:
    """Return the digest in hexadecimal once a file's bytes are added."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
