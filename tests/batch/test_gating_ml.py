"""Gating-ML documents: what is read, what XML may not do, what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chc_gating.batch.gates import load_gates
from chc_gating.errors import ConfigError

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gating:Gating-ML
    xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"
    xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations"
    xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">
"""
LINEAR = """<transforms:transformation transforms:id="Lin" transforms:boundMin="0.1">
  <transforms:flin transforms:T="1000" transforms:A="5"/></transforms:transformation>
"""


def rectangle(name: str, dimension: str = "", *, parent: str = "") -> str:
    parent_id = f'gating:parent_id="{parent}"' if parent else ""
    return f"""<gating:RectangleGate gating:id="{name}" {parent_id}>
  <gating:dimension gating:compensation-ref="uncompensated" gating:min="5" {dimension}>
    <data-type:fcs-dimension data-type:name="FSC-A"/></gating:dimension>
</gating:RectangleGate>
"""


def boolean(name: str, operands: str) -> str:
    return f"""<gating:BooleanGate gating:id="{name}"><gating:not>{operands}</gating:not>
</gating:BooleanGate>
"""


def write(folder: Path, *parts: str, head: str = HEAD) -> Path:
    path = folder / "gates.xml"
    path.write_text(head + "".join(parts) + "</gating:Gating-ML>\n")
    return path


def test_populations_come_parents_and_operands_first(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        rectangle("b", parent="n"),
        boolean("n", '<gating:gateReference gating:ref="z"/>'),
        rectangle("z"),
    )
    gates = load_gates(path)
    assert list(gates.populations) == ["z", "n", "b"]
    assert gates.populations["b"].parent == "n"
    assert gates.name == "gates"


def test_a_scale_keeps_its_parameters_and_its_bounds(tmp_path: Path) -> None:
    path = write(tmp_path, LINEAR, rectangle("a", 'gating:transformation-ref="Lin"'))
    imported = load_gates(path).populations["a"].imported
    assert imported is not None
    scale = imported.dimensions[0].scale
    assert scale is not None
    assert (scale.kind, scale.t, scale.a, scale.bound_low, scale.bound_high) == (
        "linear",
        1000.0,
        5.0,
        0.1,
        None,
    )


def test_an_infinite_bound_bounds_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, rectangle("a", 'gating:max="INF"'))
    imported = load_gates(path).populations["a"].imported
    assert imported is not None
    assert imported.bounds == ((5.0, None),)


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY lol "lol">
 <!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
 <!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;">
 <!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">
 <!ENTITY lol4 "&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;">
 <!ENTITY lol5 "&lol4;&lol4;&lol4;&lol4;&lol4;&lol4;&lol4;&lol4;&lol4;&lol4;">
 <!ENTITY lol6 "&lol5;&lol5;&lol5;&lol5;&lol5;&lol5;&lol5;&lol5;&lol5;&lol5;">
 <!ENTITY lol7 "&lol6;&lol6;&lol6;&lol6;&lol6;&lol6;&lol6;&lol6;&lol6;&lol6;">
 <!ENTITY lol8 "&lol7;&lol7;&lol7;&lol7;&lol7;&lol7;&lol7;&lol7;&lol7;&lol7;">
 <!ENTITY lol9 "&lol8;&lol8;&lol8;&lol8;&lol8;&lol8;&lol8;&lol8;&lol8;&lol8;">
]>
<lolz>&lol9;</lolz>
"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<a>&secret;</a>
"""


@pytest.mark.parametrize("text", [LAUGHS, EXTERNAL, '<!DOCTYPE a SYSTEM "a.dtd"><a/>'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_before_its_entities_are_read(
    text: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "gates.xml"
    path.write_bytes(text.replace('<?xml version="1.0"?>\n', "").encode(encoding))
    with pytest.raises(ConfigError, match="declares a document type") as refused:
        load_gates(path)
    assert "\n" not in str(refused.value)


LOGICLE = 'logicle transforms:T="1000" transforms:W="3" transforms:M="4" transforms:A="0"'
WRONG = {
    "not XML": ("<gating:RectangleGate", "is not XML"),
    "no Gating-ML": ("<gating:Strange/>", "is not Gating-ML 2.0"),
    "scale missing": (rectangle("a", 'gating:transformation-ref="Lin"'), "Lin is not defined"),
    "parent missing": (rectangle("a", parent="nobody"), "is not Gating-ML 2.0"),
    "operand missing": (boolean("n", '<gating:gateReference gating:ref="z"/>'), "Gating-ML 2.0"),
    "all": (rectangle("all"), "the name of all events"),
    "complement 1": (
        rectangle("z")
        + boolean("n", '<gating:gateReference gating:ref="z" gating:use-as-complement="1"/>'),
        "use-as-complement is 1",
    ),
    "gate in a gate": (boolean("n", rectangle("z")), "a boolean gate holds a gate"),
    "scale too wide": (
        LINEAR.replace('flin transforms:T="1000" transforms:A="5"', LOGICLE)
        + rectangle("a", 'gating:transformation-ref="Lin"'),
        "gate a: scale logicle: W = 3 may be from 0",
    ),
    "matrix missing": (
        rectangle("a").replace('"uncompensated"', '"Spill"'),
        "matrix Spill is not defined",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    text, problem = WRONG[name]
    with pytest.raises(ConfigError, match=problem) as refused:
        load_gates(write(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_yaml_takes_its_populations_from_a_document(tmp_path: Path) -> None:
    write(tmp_path, rectangle("high"), rectangle("low"))
    path = tmp_path / "study.yaml"
    path.write_text(
        "file: gates.xml\nphenotype: high\nmarkers: {CD45: {positive: high, negative: low}}\n"
        "phenotypes: {leukocyte: CD45+}\n"
    )
    gates = load_gates(path)
    assert (gates.name, list(gates.populations)) == ("study", ["high", "low"])


def test_a_phenotype_that_needs_a_negative_population_says_so(tmp_path: Path) -> None:
    write(tmp_path, rectangle("high"))
    path = tmp_path / "study.yaml"
    path.write_text(
        "file: gates.xml\nmarkers: {CD45: {positive: high}}\nphenotypes: {CTC: not CD45+}\n"
    )
    with pytest.raises(ConfigError, match=r"row 2, markers.CD45: phenotype CTC needs CD45-"):
        load_gates(path)


def test_a_document_that_is_not_there_is_a_fault_of_the_gates(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("file: gone.xml\n")
    with pytest.raises(ConfigError, match=r"gone.xml: cannot be read"):
        load_gates(path)
