"""YAML files with the line of every key; a key given twice is refused, and text stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from chc_gating.errors import ConfigError, Fault

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """The safe loader with the scalars of YAML 1.2: no, on, 12:30, 010 and dates are text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys are their text; raise for a key that comes twice."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _RepeatedKeyError("a key must be a plain text", key.start_mark.line + 1, "")
            if key.value in seen:
                raise _RepeatedKeyError(
                    f"the key stands already in line {seen[key.value]}",
                    key.start_mark.line + 1,
                    key.value,
                )
            seen[key.value] = key.start_mark.line + 1
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


class _RepeatedKeyError(Exception):
    def __init__(self, problem: str, line: int, key: str) -> None:
        super().__init__(problem)
        self.problem, self.line, self.key = problem, line, key


_Loader.yaml_implicit_resolvers = {}
_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", "-+.0123456789"),
)
for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


@dataclass(frozen=True)
class Document:
    """A YAML file's data (a mapping), and its nodes, which know their lines."""

    file: str
    data: dict[str, Any]
    root: yaml.Node

    def line_of(self, keys: Sequence[object]) -> int:
        """Return the line of the deepest key of a path that is there; 1 for the file itself."""
        node, line = self.root, 1
        for key in keys:
            child = _step(node, key)
            if child is None:
                break
            line, node = child
        return line

    def fault(
        self, keys: Sequence[object], problem: str, remedy: str, value: object = None
    ) -> Fault:
        """Return a fault at a path of keys."""
        shown = None if value is None or isinstance(value, (dict, list, tuple)) else str(value)
        path = ".".join(str(key) for key in keys) or None
        return Fault(self.file, problem, remedy, self.line_of(keys), path, shown)


def _step(node: yaml.Node, key: object) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        child = node.value[key]
        return child.start_mark.line + 1, child
    return None


def read_document(path: Path, *, shown: str | None = None) -> Document:
    """Read a YAML file that holds one mapping; raise ConfigError with the line of a fault."""
    file = shown or str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Fault(file, "no such file", "check the path")]) from None
    except IsADirectoryError:
        raise ConfigError([Fault(file, "is a folder", "name a YAML file")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(file, "is not UTF-8 text", "save it as UTF-8")]) from None
    try:
        data, root = _construct(text)
    except _RepeatedKeyError as error:
        raise ConfigError(
            [Fault(file, error.problem, "keep one of them", error.line, error.key or None)]
        ) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_explain_syntax(error, file)]) from None
    except yaml.YAMLError:
        remedy = "remove characters that are no text"
        raise ConfigError([Fault(file, "is not YAML", remedy)]) from None
    if not isinstance(data, dict) or root is None:
        found = "is empty" if data is None else "must hold keys and values"
        raise ConfigError([Fault(file, found, "write `key: value` lines")])
    return Document(file, data, root)


def _construct(text: str) -> tuple[object, yaml.Node | None]:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), root
    finally:
        loader.dispose()


def _explain_syntax(error: yaml.MarkedYAMLError, file: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line = None if mark is None else mark.line + 1
    place = "" if mark is None else f" at column {mark.column + 1}"
    return Fault(
        file,
        f"YAML syntax error{place}: {error.problem or 'unreadable'}",
        "check indentation (blanks, no tabs), colons and brackets",
        line,
    )
