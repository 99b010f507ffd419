"""Rules about the source tree: who may import whom, and how large and how named folders and modules may be."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

from tests.support.import_graph import find_cycle, find_modules, import_graph, imported_names, is_within

ROOT = Path(__file__).resolve().parents[3]
CODE = ("benchmarks", "bulk", "gateway", "quittance", "services", "shared", "synthesis")
SERVICES = ("services.detector", "services.recognizer", "services.extractor")
MODULES = find_modules(ROOT, CODE) | find_modules(ROOT / "clients" / "python", ["quittance_client"])

# Each part may import itself and these. `quittance` puts the parts together, `bulk` too, but without HTTP, and
# `benchmarks` measures all of them.
IMPORTABLE: dict[str, tuple[str, ...]] = {
    "quittance_client": (),
    "shared": (),
    "gateway": ("shared",),
    **{service: ("shared", "synthesis") for service in SERVICES},
    "synthesis": ("shared",),
    "bulk": ("gateway", "services", "shared"),
    "quittance": ("bulk", "gateway", "quittance_client", "services", "shared", "synthesis"),
    "benchmarks": ("bulk", "gateway", "quittance", "quittance_client", "services", "shared", "synthesis"),
}
TRAINING = tuple(f"{service}.training" for service in SERVICES)
# Who may import a training folder, and who the labeled receipts and training loops that training shares.
TRAINING_IMPORTERS = ("benchmarks",)
LEARNING_IMPORTERS = (*TRAINING, "benchmarks", "quittance.commands", "quittance.evaluation", "synthesis")
# `import_module` hides an import from these rules: only where a part is chosen by its name at run time.
DYNAMIC_IMPORTERS = {"benchmarks.peers.worker", "benchmarks.profile", "quittance.assembly", "quittance.training"}

MAX_MODULES = 14
MAX_LINES = 400
SOURCE_SUFFIXES = {".py", ".js", ".css", ".html"}
CATCH_ALL_NAMES = {"common", "helper", "helpers", "misc", "stuff", "util", "utils"}


def project_imports() -> list[tuple[str, str]]:
    """All pairs of a module and a module that it imports."""
    return [(module, name) for module, names in import_graph(MODULES).items() for name in sorted(names)]


def source_files() -> list[Path]:
    """The source files that are, or could be, committed; relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [Path(line) for line in listed if Path(line).suffix in SOURCE_SUFFIXES]
    return [path for path in paths if (ROOT / path).is_file()]


def is_within_any(module: str, packages: tuple[str, ...]) -> bool:
    return any(is_within(module, package) for package in packages)


def too_similar(first: str, second: str) -> bool:
    """Whether two names differ by a plural or, unless they are very short, by one letter."""
    if {first, second} in ({f"{first}s", first}, {f"{second}s", second}):
        return True
    if min(len(first), len(second)) > 3 and Levenshtein.distance(first, second) == 1:
        return True
    return first.removesuffix("y") + "ies" == second or second.removesuffix("y") + "ies" == first


def write_package(folder: Path, **sources: str) -> None:
    (folder / "project").mkdir()
    for name, text in {"__init__": "", **sources}.items():
        (folder / "project" / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    "statement",
    [
        "from project import first",
        "import project.first",
        "def read():\n    from project.first import value",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from project.first import Value",
    ],
)
def test_checker_finds_a_cycle(tmp_path: Path, statement: str) -> None:
    write_package(tmp_path, first="import project.second", second="from project import third", third=statement)
    cycle = find_cycle(import_graph(find_modules(tmp_path, ["project"])))
    assert cycle[0] == cycle[-1]
    assert set(cycle) == {"project.first", "project.second", "project.third"}
    assert ("project.first", "project.second") in list(pairwise(cycle))


def test_checker_accepts_imports_in_one_direction(tmp_path: Path) -> None:
    write_package(tmp_path, first="import project.second", second="from project import third", third="import project")
    assert find_cycle(import_graph(find_modules(tmp_path, ["project"]))) == []


def test_no_import_cycles() -> None:
    assert find_cycle(import_graph(MODULES)) == []


@pytest.mark.parametrize("part", IMPORTABLE)
def test_parts_import_only_what_they_may(part: str) -> None:
    # `tests` and a `services` other than one's own are found here too, because `IMPORTABLE` does not list them.
    allowed = (part, *IMPORTABLE[part])
    wrong = {
        (module, name)
        for module, path in MODULES.items()
        if is_within(module, part)
        for name in imported_names(path)
        if name.split(".")[0] in {*CODE, "quittance_client", "tests"} and not is_within_any(name, allowed)
    }
    assert wrong == set()


def test_serving_never_imports_training() -> None:
    wrong = [
        (module, name)
        for module, name in project_imports()
        if (is_within_any(name, TRAINING) and not is_within_any(module, (*TRAINING, *TRAINING_IMPORTERS)))
        or (is_within(name, "shared.learning") and not is_within_any(module, ("shared.learning", *LEARNING_IMPORTERS)))
    ]
    assert wrong == []


def test_of_the_services_only_training_imports_synthesis() -> None:
    wrong = [
        (module, name)
        for module, name in project_imports()
        if is_within_any(module, SERVICES) and is_within(name, "synthesis") and not is_within_any(module, TRAINING)
    ]
    assert wrong == []


def test_modules_are_imported_by_name_only_where_listed() -> None:
    dynamic = {
        module for module, path in MODULES.items() if re.search(r"\b(import_module|__import__)\(", path.read_text())
    }
    assert dynamic == DYNAMIC_IMPORTERS


def test_folders_have_at_most_14_modules() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values() if path.stem[0] != "_")
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_files_have_at_most_400_lines() -> None:
    lines = {path.as_posix(): (ROOT / path).read_text(encoding="utf-8").count("\n") for path in source_files()}
    assert len(lines) > 300
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_module_has_a_catch_all_name() -> None:
    assert [path.as_posix() for path in source_files() if path.stem in CATCH_ALL_NAMES] == []


def test_names_in_one_folder_are_not_nearly_the_same() -> None:
    names: dict[Path, set[str]] = {}
    for path in source_files():
        for one in (path, *path.parents[:-1]):
            names.setdefault(one.parent, set()).add(one.stem)
    assert too_similar("page", "pages")
    assert too_similar("reply", "replies")
    assert too_similar("reader", "header")
    assert not too_similar("app", "api")
    pairs = [(folder, *pair) for folder, group in names.items() for pair in combinations(sorted(group), 2)]
    assert [(folder.as_posix(), *pair) for folder, *pair in pairs if too_similar(*pair)] == []


def test_unit_tests_mirror_the_code() -> None:
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")} - {Path("project")}
    assert [folder.as_posix() for folder in sorted(folders) if not (ROOT / folder).is_dir()] == []
