"""FlowJo 10 workspaces written as FlowJo writes them, as far as gates go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

GRAPH = '<Graph type="Pseudocolor"><Axis dimension="x" name="" /></Graph>'


def dimension(name: str, low: float | None = None, high: float | None = None) -> str:
    bounds = "" if low is None else f' gating:min="{low!r}"'
    bounds += "" if high is None else f' gating:max="{high!r}"'
    parameter = f"<data-type:fcs-dimension data-type:name={quoteattr(name)} />"
    return f"<gating:dimension{bounds}>{parameter}</gating:dimension>"


def points(values: Sequence[tuple[float, float]]) -> str:
    def one(value: float) -> str:
        return f'<gating:coordinate data-type:value="{float(value)!r}" />'

    return "".join(f"<gating:vertex>{one(x)}{one(y)}</gating:vertex>" for x, y in values)


def rectangle(
    bounds: Mapping[str, tuple[float | None, float | None]], *, inside: bool = True
) -> str:
    held = "".join(dimension(name, *pair) for name, pair in bounds.items())
    attributes = f'eventsInside="{int(inside)}" percentX="0" percentY="0"'
    return f"<gating:RectangleGate {attributes}>{held}</gating:RectangleGate>"


def polygon(
    of: tuple[str, str], vertices: Sequence[tuple[float, float]], *, inside: bool = True
) -> str:
    held = "".join(dimension(name) for name in of) + points(vertices)
    attributes = f'eventsInside="{int(inside)}" quadId="-1" gateResolution="256"'
    return f"<gating:PolygonGate {attributes}>{held}</gating:PolygonGate>"


def ellipsoid(
    of: tuple[str, str],
    foci: Sequence[tuple[float, float]],
    edge: Sequence[tuple[float, float]],
) -> str:
    held = "".join(dimension(name) for name in of)
    held += f"<gating:foci>{points(foci)}</gating:foci><gating:edge>{points(edge)}</gating:edge>"
    attributes = 'eventsInside="1" gating:distance="80"'
    return f"<gating:EllipsoidGate {attributes}>{held}</gating:EllipsoidGate>"


def population(name: str, gate: str, *below: str, count: int = -1) -> str:
    attributes = f'name={quoteattr(name)} annotation="" owningGroup="" count="{count}"'
    inner = f"<Subpopulations>{''.join(below)}</Subpopulations>" if below else ""
    return f"<Population {attributes}>{GRAPH}<Gate>{gate}</Gate>{inner}</Population>"


def boolean(kind: str, name: str, dependents: Sequence[str], *below: str, count: int = -1) -> str:
    """And, Or or Not node. FlowJo puts a copy of the gate into a NotNode; it means nothing."""
    attributes = f'name={quoteattr(name)} annotation="" owningGroup="" count="{count}"'
    copy = f"<Gate>{rectangle({'FSC-A': (1.0, 2.0)})}</Gate>" if kind == "Not" else ""
    held = "".join(f"<Dependent name={quoteattr(d)} />" for d in dependents)
    inner = f"<Subpopulations>{''.join(below)}</Subpopulations>" if below else ""
    return (
        f"<{kind}Node {attributes}>{GRAPH}{copy}<Dependents>{held}</Dependents>{inner}</{kind}Node>"
    )


def linear(low: float = 0.0, high: float = 262144.0, *, gain: float = 1.0) -> str:
    return (
        f'<transforms:linear transforms:minRange="{low!r}" transforms:maxRange="{high!r}" '
        f'gain="{gain!r}">%s</transforms:linear>'
    )


def log(offset: float = 10.0, decades: float = 4.0) -> str:
    return (
        f'<transforms:log transforms:offset="{offset!r}" transforms:decades="{decades!r}">'
        "%s</transforms:log>"
    )


def logicle(*, w: float = 0.5, m: float = 4.5, a: float = 0.0) -> str:
    return (
        f'<transforms:logicle transforms:length="256" transforms:T="262144" transforms:A="{a!r}" '
        f'transforms:W="{w!r}" transforms:M="{m!r}">%s</transforms:logicle>'
    )


def biex(*, width: float = -10.0, neg: float = 0.0, length: int = 256) -> str:
    return (
        f'<transforms:biex transforms:length="{length}" transforms:maxRange="262144" '
        f'transforms:neg="{neg!r}" transforms:width="{width!r}" transforms:pos="4.418539922">'
        "%s</transforms:biex>"
    )


def fasinh() -> str:
    return (
        '<transforms:fasinh transforms:length="256" transforms:maxRange="262144" '
        'transforms:T="262144" transforms:A="0.5" transforms:M="4.5" transforms:W="0">'
        "%s</transforms:fasinh>"
    )


def matrix(
    channels: Sequence[str],
    rows: Sequence[Sequence[float]],
    *,
    name: str = "Acquisition-defined",
    prefix: str = "Comp-",
    suffix: str = "",
    spectral: bool = False,
) -> str:
    held = "".join(f"<data-type:parameter data-type:name={quoteattr(c)} />" for c in channels)
    lines = ""
    for channel, row in zip(channels, rows, strict=True):
        shares = "".join(
            f"<transforms:coefficient data-type:parameter={quoteattr(c)} "
            f'transforms:value="{float(v)!r}" />'
            for c, v in zip(channels, row, strict=True)
        )
        lines += (
            f"<transforms:spillover data-type:parameter={quoteattr(channel)}>"
            f"{shares}</transforms:spillover>"
        )
    return (
        f'<transforms:spilloverMatrix spectral="{int(spectral)}" prefix="{prefix}" '
        f'name={quoteattr(name)} editable="0" version="FlowJo-10.8.1" suffix="{suffix}">'
        f"<data-type:parameters>{held}</data-type:parameters>{lines}</transforms:spilloverMatrix>"
    )


@dataclass(frozen=True)
class Sample:
    """One sample; ``scales`` are texts of `linear`, `biex` and so on by parameter name."""

    name: str
    populations: Sequence[str] = ()
    uri: str | None = None
    matrix: str = ""
    scales: Mapping[str, str] = field(default_factory=dict)
    keywords: Mapping[str, str] = field(default_factory=dict)
    count: int = -1

    def text(self, identity: int) -> str:
        """Return its Sample element."""
        uri = self.uri if self.uri is not None else f"file:/D:/data/{self.name}"
        scales = "".join(
            scale % f"<data-type:parameter data-type:name={quoteattr(name)} />"
            for name, scale in self.scales.items()
        )
        keywords = "".join(
            f"<Keyword name={quoteattr(k)} value={quoteattr(v)} />"
            for k, v in self.keywords.items()
        )
        tree = "".join(self.populations)
        below = f"<Subpopulations>{tree}</Subpopulations>" if tree else ""
        return (
            f'<Sample><DataSet uri={quoteattr(uri)} sampleID="{identity}" />{self.matrix}'
            f"<Transformations>{scales}</Transformations><Keywords>{keywords}</Keywords>"
            f'<SampleNode name={quoteattr(self.name)} annotation="" owningGroup="" '
            f'count="{self.count}" sampleID="{identity}">{GRAPH}{below}</SampleNode></Sample>'
        )


def write_workspace(
    path: Path,
    samples: Sequence[Sample],
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    matrices: str = "",
    version: str = "10.8.1",
    prolog: str = "",
) -> Path:
    """Write a workspace; ``groups`` holds sample names, and All Samples is always there."""
    members = {"All Samples": [s.name for s in samples], **(groups or {})}
    identity = {id(s): i + 1 for i, s in enumerate(samples)}
    nodes = ""
    for group, names in members.items():
        refs = "".join(
            f'<SampleRef sampleID="{identity[id(s)]}" />' for s in samples if s.name in names
        )
        nodes += (
            f"<GroupNode name={quoteattr(group)} owningGroup={quoteattr(group)}>{GRAPH}"
            f"<Group name={quoteattr(group)}><SampleRefs>{refs}</SampleRefs></Group></GroupNode>"
        )
    held = "".join(s.text(identity[id(s)]) for s in samples)
    standard = "http://www.isac-net.org/std/Gating-ML/v2.0"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{prolog} <Workspace version="20.0" '
        f'flowJoVersion="{version}" curGroup="All Samples" xmlns:gating="{standard}/gating" '
        f'xmlns:transforms="{standard}/transformations" xmlns:data-type="{standard}/datatypes">'
        f"<Matrices>{matrices}</Matrices><Groups>{nodes}</Groups>"
        f"<SampleList>{held}</SampleList></Workspace>",
        encoding="utf-8",
    )
    return path
