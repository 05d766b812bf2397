"""Large XML files element by element; without DOCTYPE, so nothing expands or is drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree
from xml.parsers import expat

from chc_gating.errors import ConfigError, Fault

_CHUNK = 65_536


class _RootReached(Exception):  # noqa: N818 (no error: the prolog ends here)
    """Stops the look at what stands before the first element."""


class _DoctypeFound(Exception):  # noqa: N818 (becomes a ConfigError)
    """Stops at a DOCTYPE, before anything that it declares is read."""


def iterate_elements(path: Path, *, shown: str | None = None) -> Iterator[ElementTree.Element]:
    """Yield every element of an XML file when it is complete, children before their parents.

    Clear what is not needed, so that a large file is never held whole. Nothing outside the file
    is read, and a file with a DOCTYPE is refused before any entity is declared.

    Raises ConfigError where the file is absent, no XML, or has a DOCTYPE.
    """
    file = shown or str(path)
    try:
        with Path(path).open("rb") as stream:
            _refuse_doctype(stream)
            stream.seek(0)
            for _, element in ElementTree.iterparse(stream, events=("end",)):
                yield element
    except FileNotFoundError:
        raise ConfigError([Fault(file, "no such file", "check the path")]) from None
    except IsADirectoryError:
        raise ConfigError([Fault(file, "is a folder", "name an XML file")]) from None
    except _DoctypeFound:
        problem = "has a DOCTYPE, which no program for cytometry writes and which can hide files"
        raise ConfigError([Fault(file, problem, "remove it, or export the file again")]) from None
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        row = getattr(error, "position", (getattr(error, "lineno", None),))[0]
        remedy = "export it again; it may have been cut off"
        raise ConfigError([Fault(file, "is not well-formed XML", remedy, row)]) from None


def _refuse_doctype(stream: BinaryIO) -> None:
    """Read up to the first element; raise where a DOCTYPE starts before it."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _stop_at_doctype
    parser.StartElementHandler = _stop_at_root
    try:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except _RootReached:
        return


def _stop_at_doctype(*_: object) -> None:
    raise _DoctypeFound


def _stop_at_root(*_: object) -> None:
    raise _RootReached
