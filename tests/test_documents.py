"""The documents name files and a version that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import chc_gating

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md"]


@pytest.mark.parametrize("name", [*DOCUMENTS, "docs/architecture.md"])
def test_links_between_documents_lead_to_files(repository: Path, name: str) -> None:
    document = repository / name
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8"))
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (document.parent / link).is_file()] == []


def test_changelog_and_citation_name_the_version(repository: Path) -> None:
    citation = yaml.safe_load((repository / "CITATION.cff").read_text("utf-8"))
    [newest, *_] = re.findall(
        r"^## \[([^]]+)\]", (repository / "CHANGELOG.md").read_text("utf-8"), re.M
    )

    assert citation["version"] == newest == chc_gating.__version__


def test_make_help_lists_every_target(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text("utf-8")
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", makefile, re.M))

    assert set(re.findall(r"^([a-z-]+):.*  ## ", makefile, re.M)) == set(phony.split())
