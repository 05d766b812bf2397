"""The dependency lists for pip and conda name the same packages, and the lock pins them all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

CONDA_NAMES = {"matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv"}
"""Conda's name of a package, where it differs from PyPI's."""

NOT_FOR_CONDA = {"atheris", "nd2", "pylibczirw"}
"""Fuzzing is a tool of developers, in an environment of its own (`make fuzz`); the readers of
microscope makers' own formats are asked for by those who need them."""


def test_conda_environment_names_the_same_packages_and_bounds(repository: Path) -> None:
    expected = {
        CONDA_NAMES.get(name, name): bound
        for name, bound in pip_dependencies(repository).items()
        if name not in NOT_FOR_CONDA
    }

    assert conda_dependencies(repository) == expected


def test_conda_environment_asks_for_the_same_python(repository: Path) -> None:
    environment = yaml.safe_load((repository / "environment.yml").read_text("utf-8"))
    bounds = [
        bound for name, bound in map(split_requirement, plain(environment)) if name == "python"
    ]

    assert bounds == [project(repository)["requires-python"]]


def test_conda_environment_takes_only_the_community_channels(repository: Path) -> None:
    environment = yaml.safe_load((repository / "environment.yml").read_text("utf-8"))

    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]


def test_constraints_pin_every_dependency_within_its_bound(repository: Path) -> None:
    pins = constraints(repository)
    for name, bound in pip_dependencies(repository).items():
        assert name in pins, f"constraints.txt does not pin {name}; run `make lock`"
        lower = bound.removeprefix(">=") or "0"
        assert numbers(pins[name]) >= numbers(lower), f"constraints.txt pins {name} below {bound}"


def test_constraints_name_no_host_and_no_local_path(repository: Path) -> None:
    for line in (repository / "constraints.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_split_requirement_separates_name_and_bound() -> None:
    assert split_requirement("py-opencv >=4.10 *headless*") == ("py-opencv", ">=4.10")
    assert split_requirement("Types_PyYAML") == ("types-pyyaml", "")


def project(repository: Path) -> dict:
    return tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]


def pip_dependencies(repository: Path) -> dict[str, str]:
    table = project(repository)
    extras = [entry for extra in table["optional-dependencies"].values() for entry in extra]
    return dict(map(split_requirement, table["dependencies"] + extras))


def conda_dependencies(repository: Path) -> dict[str, str]:
    environment = yaml.safe_load((repository / "environment.yml").read_text("utf-8"))
    by_pip = [
        entry
        for group in environment["dependencies"]
        if isinstance(group, dict)
        for entry in group["pip"]
    ]
    listed = dict(map(split_requirement, plain(environment) + by_pip))
    return {name: bound for name, bound in listed.items() if name not in ("python", "pip")}


def plain(environment: dict) -> list[str]:
    return [entry for entry in environment["dependencies"] if isinstance(entry, str)]


def split_requirement(entry: str) -> tuple[str, str]:
    """Return the name as PyPI normalises it, and the bound; a conda build string is left out."""
    name, bound = re.match(r"([A-Za-z0-9._-]+)\s*([<>=!~]\S*)?", entry).groups()
    return re.sub(r"[-_.]+", "-", name).lower(), bound or ""


def constraints(repository: Path) -> dict[str, str]:
    lines = (repository / "constraints.txt").read_text("utf-8").splitlines()
    pins = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {split_requirement(name)[0]: version for name, version in pins}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
