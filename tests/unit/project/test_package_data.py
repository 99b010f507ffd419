"""Data files are part of the installed package, not only of the checkout."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

PACKAGES = ("bulk", "gateway", "quittance", "services", "shared", "synthesis")


@pytest.mark.parametrize("package", PACKAGES)
def test_data_files_are_packaged(repository: Path, package: str) -> None:
    declared = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    folder = repository / package
    packaged = {path for pattern in declared.get(package, []) for path in folder.glob(pattern)}
    needed = {path for suffix in ("json", "toml", "tsv") for path in folder.rglob(f"*.{suffix}")}
    assert sorted(path.relative_to(repository).as_posix() for path in needed - packaged) == []
