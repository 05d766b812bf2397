"""FlowJo 10 workspaces: which samples they hold, and which one belongs to a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from chc_gating.batch.explain import suggest
from chc_gating.batch.flowjo_gates import FlowJoPopulation, read_count, read_populations
from chc_gating.batch.flowjo_scales import FlowJoMatrix, FlowJoScale, read_matrices, read_scales
from chc_gating.batch.xml_stream import iterate_elements
from chc_gating.errors import ConfigError, Fault

_SHOWN = 8
"""Names of samples that a refusal lists."""


@dataclass(frozen=True, eq=False)
class FlowJoSample:
    """One sample: its names, its groups, its own tree of gates and its own matrix.

    names : what FlowJo calls it, and the last part of its file's path.
    original_name : $FIL without a folder, for matching only: it may name a person.
    """

    names: tuple[str, ...]
    original_name: str | None
    groups: tuple[str, ...]
    _node: Element
    _workspace_matrices: tuple[FlowJoMatrix, ...]

    @property
    def event_count(self) -> int | None:
        """The events that FlowJo read."""
        node = self._node.find("SampleNode")
        return None if node is None else read_count(node)

    @cached_property
    def populations(self) -> tuple[FlowJoPopulation, ...]:
        """Its populations, parents before their children."""
        node = self._node.find("SampleNode")
        return () if node is None else tuple(read_populations(node))

    @cached_property
    def scales(self) -> Mapping[str, FlowJoScale]:
        """The scale of every parameter."""
        return read_scales(self._node)

    @property
    def has_own_matrix(self) -> bool:
        """Whether its matrix is its own, not one of the workspace."""
        return bool(read_matrices(self._node))

    @cached_property
    def matrices(self) -> tuple[FlowJoMatrix, ...]:
        """Its own spillover matrix; where it has none, those of the workspace."""
        return read_matrices(self._node) or self._workspace_matrices


@dataclass(frozen=True, eq=False)
class FlowJoWorkspace:
    """A workspace: its groups in order, and its samples."""

    file: str
    groups: tuple[str, ...]
    samples: tuple[FlowJoSample, ...]

    def in_group(self, group: str | None) -> tuple[FlowJoSample, ...]:
        """Return the samples of a group, all of them for None; raise for a group it lacks."""
        if group is None:
            return self.samples
        if group not in self.groups:
            problem = f"has no group {group}"
            raise ConfigError([Fault(self.file, problem, suggest(group, self.groups))])
        return tuple(sample for sample in self.samples if group in sample.groups)

    def find_sample(
        self, file_name: str, *, group: str | None = None, original_name: str | None = None
    ) -> FlowJoSample:
        """Return the sample of an FCS file: by the file's name, else by its original name.

        original_name : the file's own $FIL. Names are compared without folders. Raises ConfigError
        where no sample fits, or several do; metadata are not shown.
        """
        samples = self.in_group(group)
        for found in (
            [s for s in samples if file_name in s.names],
            [s for s in samples if self._share_name(s, file_name, original_name)],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                raise self._refuse_several(found, file_name, group)
        raise self._refuse_none(samples, file_name, group)

    @staticmethod
    def _share_name(sample: FlowJoSample, file_name: str, original_name: str | None) -> bool:
        theirs = {*sample.names, sample.original_name} - {None}
        ours = {file_name, last_part(original_name or "")} - {""}
        return not theirs.isdisjoint(ours)

    def _refuse_several(
        self, found: list[FlowJoSample], file_name: str, group: str | None
    ) -> ConfigError:
        groups = sorted({g for s in found for g in s.groups} - {"All Samples"})
        where = self.file if group is None else f"{self.file}, group {group}"
        remedy = "give every file a name of its own in FlowJo"
        if group is None and groups:
            remedy = f"say which with group: {' or '.join(groups[:_SHOWN])}; or {remedy}"
        problem = f"{len(found)} samples could be {file_name}"
        return ConfigError([Fault(where, problem, remedy)])

    def _refuse_none(
        self, samples: tuple[FlowJoSample, ...], file_name: str, group: str | None
    ) -> ConfigError:
        names = [sample.names[-1] for sample in samples]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        shown = f"it has {', '.join(names[:_SHOWN])}{more}" if names else "it is empty"
        where = self.file if group is None else f"{self.file}, group {group}"
        remedy = f"{shown}; name the FCS file as it is in FlowJo, or add it there"
        return ConfigError([Fault(where, f"has no sample {file_name}", remedy)])


def last_part(path: str) -> str:
    """Return a path or URI without its folders, whether it was written on Windows or not."""
    return PurePosixPath(path.replace("\\", "/")).name


def read_workspace(path: Path, *, shown: str | None = None) -> FlowJoWorkspace:
    """Read a FlowJo 10 workspace (.wsp).

    Only what gates need is kept, and gates are read when a sample is asked for them: 200
    samples in 26 MB take 0.4 s. Raises ConfigError for what is no such workspace.
    """
    status = Path(path).stat() if Path(path).is_file() else None
    key = (0, 0) if status is None else (status.st_mtime_ns, status.st_size)
    return _read_workspace(Path(path), shown or str(path), key)


_NOT_NEEDED = frozenset({"Graph", "Table", "Layout", "Cytometers"})
_LOOKED_AT = _NOT_NEEDED | {"Keywords", "GroupNode", "Matrices", "Sample"}


@lru_cache(maxsize=2)
def _read_workspace(path: Path, file: str, _version: tuple[int, int]) -> FlowJoWorkspace:
    groups: dict[str, set[str]] = {}
    matrices: tuple[FlowJoMatrix, ...] = ()
    nodes: list[tuple[Element, str | None]] = []
    root, original_name = None, None
    for element in iterate_elements(path, shown=file):
        root = element
        if element.tag not in _LOOKED_AT:
            continue
        if element.tag in _NOT_NEEDED:
            element.clear()
        elif element.tag == "Keywords":
            original_name = _find_original_name(element)
            element.clear()
        elif element.tag == "GroupNode":
            groups[element.get("name", "")] = _read_members(element)
            element.clear()
        elif element.tag == "Matrices":
            matrices = read_matrices(element)
        elif element.tag == "Sample":
            nodes.append((element, original_name))
            original_name = None
    _check_root(root, file)
    samples = [_make_sample(node, name, groups, matrices) for node, name in nodes]
    return FlowJoWorkspace(file, tuple(groups), tuple(samples))


def _check_root(root: Element | None, file: str) -> None:
    version = "" if root is None else root.get("flowJoVersion", "")
    if root is None or root.tag != "Workspace" or not version:
        remedy = "name a .wsp file that FlowJo 10 saved"
        raise ConfigError([Fault(file, "is no FlowJo workspace", remedy)])
    if version.split(".")[0] != "10":
        problem = "was not written by FlowJo 10"
        raise ConfigError([Fault(file, problem, "save it with FlowJo 10", value=version)])


def _find_original_name(keywords: Element) -> str | None:
    for keyword in keywords.iterfind("Keyword"):
        if keyword.get("name") == "$FIL":
            return last_part(keyword.get("value", "")) or None
    return None


def _read_members(group_node: Element) -> set[str]:
    """Return the ids of a group's samples."""
    return {s.get("sampleID", "") for s in group_node.iterfind("Group/SampleRefs/SampleRef")}


def _make_sample(
    node: Element,
    original_name: str | None,
    groups: Mapping[str, set[str]],
    matrices: tuple[FlowJoMatrix, ...],
) -> FlowJoSample:
    tree, data = node.find("SampleNode"), node.find("DataSet")
    own = "" if tree is None else last_part(tree.get("name", ""))
    file = "" if data is None else last_part(unquote(data.get("uri", "")))
    identity = "" if tree is None else tree.get("sampleID", "")
    return FlowJoSample(
        names=tuple(dict.fromkeys(name for name in (own, file) if name)),
        original_name=original_name,
        groups=tuple(name for name, members in groups.items() if identity in members),
        _node=node,
        _workspace_matrices=matrices,
    )
