"""XML files of other programs, read without what XML can do to its reader."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from chc_gating.errors import ConfigError, Fault


def read_safe_xml(path: Path, *, shown: str | None = None) -> tuple[bytes, ElementTree.Element]:
    """Return an XML file's bytes and its root.

    A document type declaration is refused as soon as it begins, before any entity in it is
    looked at: no file is read from elsewhere, and nothing expands. Neither Gating-ML nor FlowJo
    needs one.

    Raises ConfigError where the file cannot be read, is not XML, or declares a document type.
    """
    file = shown or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        remedy = "correct the path"
        raise ConfigError([Fault(file, f"cannot be read ({error.strerror})", remedy)]) from None
    try:
        _check(data)
        return data, ElementTree.fromstring(data)
    except _DoctypeError:
        problem = "declares a document type (<!DOCTYPE ...>), whose entities are not read"
        fault = Fault(file, problem, "export the gates again without it")
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        fault = Fault(file, f"is not XML ({error})", "export the gates again")
    raise ConfigError([fault])


class _DoctypeError(Exception):
    """The document declares a type."""


def _check(data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise _DoctypeError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)
