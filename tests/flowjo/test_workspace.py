"""Which sample of a workspace belongs to a file, and that a workspace cannot do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from chc_gating.batch.flowjo_workspace import FlowJoWorkspace, read_workspace
from chc_gating.errors import ConfigError
from tests.flowjo.workspace_files import Sample, population, rectangle, write_workspace

CELLS = population("Cells", rectangle({"FSC-A": (10.0, None)}), count=7)


@pytest.fixture
def study(tmp_path: Path) -> FlowJoWorkspace:
    samples = [
        Sample("a.fcs", [CELLS], count=9),
        Sample("b.fcs", [], keywords={"$FIL": "D:\\runs\\plate 1\\original_b.fcs"}),
        Sample("Tube 3", [CELLS], uri="file:/D:/old%20data/c%20c.fcs"),
        Sample("twin.fcs", [CELLS], uri="file:/D:/one/twin.fcs"),
        Sample("twin.fcs ", [CELLS], uri="file:/D:/two/twin.fcs"),
    ]
    groups = {"patients": ["a.fcs", "b.fcs"], "twins": ["twin.fcs"]}
    return read_workspace(write_workspace(tmp_path / "study.wsp", samples, groups=groups))


def test_a_sample_is_found_by_its_name(study: FlowJoWorkspace) -> None:
    sample = study.find_sample("a.fcs")
    assert sample.groups == ("All Samples", "patients")
    assert sample.event_count == 9
    assert [p.address for p in sample.populations] == ["/Cells"]
    assert sample.populations[0].count == 7


def test_a_sample_is_found_by_the_name_of_its_file_whatever_flowjo_calls_it(
    study: FlowJoWorkspace,
) -> None:
    assert study.find_sample("c c.fcs").names == ("Tube 3", "c c.fcs")


def test_a_renamed_file_is_found_by_the_original_name_of_either_side(
    study: FlowJoWorkspace,
) -> None:
    assert study.find_sample("original_b.fcs").names == ("b.fcs",)
    assert study.find_sample("p07.fcs", original_name="/data/x/a.fcs").names == ("a.fcs",)


def test_an_exact_name_wins_over_an_original_name(study: FlowJoWorkspace) -> None:
    assert study.find_sample("a.fcs", original_name="b.fcs").names == ("a.fcs",)


def test_a_file_of_no_sample_is_refused_with_what_is_there(study: FlowJoWorkspace) -> None:
    with pytest.raises(ConfigError, match=r"group patients: has no sample z\.fcs; it has a\.fcs"):
        study.find_sample("z.fcs", group="patients")


def test_a_refusal_shows_no_metadata(study: FlowJoWorkspace) -> None:
    with pytest.raises(ConfigError) as refusal:
        study.find_sample("z.fcs", original_name="Smith.fcs")
    assert "Smith" not in str(refusal.value)
    assert "original_b" not in str(refusal.value)
    assert "old data" not in str(refusal.value)


def test_two_samples_of_one_name_are_refused_and_the_group_tells_them_apart(
    study: FlowJoWorkspace,
) -> None:
    with pytest.raises(ConfigError, match=r"2 samples could be twin\.fcs; say which with group"):
        study.find_sample("twin.fcs")
    assert study.find_sample("twin.fcs", group="twins").groups == ("All Samples", "twins")


def test_an_unknown_group_is_named_with_the_nearest(study: FlowJoWorkspace) -> None:
    with pytest.raises(ConfigError, match=r"has no group patient; did you mean patients\?"):
        study.find_sample("a.fcs", group="patient")


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE Workspace [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Workspace [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE Workspace SYSTEM "http://127.0.0.1/evil.dtd">',
        "<!-- first a comment --><!DOCTYPE Workspace>",
    ],
)
def test_a_doctype_is_refused_before_what_it_declares_is_read(
    tmp_path: Path, declared: str
) -> None:
    file = write_workspace(tmp_path / "evil.wsp", [Sample("a.fcs", [CELLS])], prolog=declared)
    with pytest.raises(ConfigError, match=r"evil\.wsp: has a DOCTYPE"):
        read_workspace(file)


def test_a_doctype_is_found_in_any_encoding(tmp_path: Path) -> None:
    file = tmp_path / "evil.wsp"
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE Workspace><Workspace/>'
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(ConfigError, match="has a DOCTYPE"):
        read_workspace(file)


def test_an_undeclared_entity_is_no_xml(tmp_path: Path) -> None:
    file = write_workspace(tmp_path / "a.wsp", [Sample("a.fcs", [CELLS])])
    file.write_text(file.read_text().replace("</SampleList>", "&lol;</SampleList>"))
    with pytest.raises(ConfigError, match="is not well-formed XML"):
        read_workspace(file)


@pytest.mark.parametrize("cut", [0, 1, 100, 700])
def test_a_workspace_that_was_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    file = write_workspace(tmp_path / "a.wsp", [Sample("a.fcs", [CELLS])])
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ConfigError, match="is not well-formed XML"):
        read_workspace(file)


def test_another_program_or_version_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "a.xml"
    other.write_text("<Gating/>")
    with pytest.raises(ConfigError, match="is no FlowJo workspace"):
        read_workspace(other)
    old = write_workspace(tmp_path / "old.wsp", [Sample("a.fcs", [CELLS])], version="9.9.6")
    with pytest.raises(ConfigError, match="was not written by FlowJo 10"):
        read_workspace(old)
    with pytest.raises(ConfigError, match="no such file"):
        read_workspace(tmp_path / "absent.wsp")


def test_a_workspace_that_is_saved_again_is_read_again(tmp_path: Path) -> None:
    file = write_workspace(tmp_path / "a.wsp", [Sample("a.fcs", [CELLS])])
    assert len(read_workspace(file).samples) == 1
    write_workspace(file, [Sample("a.fcs", [CELLS]), Sample("b.fcs", [CELLS])])
    assert len(read_workspace(file).samples) == 2
