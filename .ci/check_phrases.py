"""Reject phrases listed in phrases.toml in code and documentation.

python .ci/check_phrases.py [FILE ...]

Without arguments it checks all text files of the repository, except data. Exits with 1 if it finds any.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SUFFIXES = {".css", ".html", ".js", ".md", ".py", ".toml", ".yaml", ".yml"}
_NAMES = {"Dockerfile", "Makefile", ".env.example"}
_SKIPPED_FOLDERS = {"runs", "site", "build", "dist", "state", "node_modules", "fonts"}
# Data, the list itself, and its test.
_SKIPPED_FILES = {"phrases.toml", "test_phrases.py", "vocabulary.toml", "countries.toml", "words.py"}
_LINE_BREAK = re.compile(r"\s*\n[ \t]*(?:#|//|\*|>)?[ \t]*")


def main(arguments: list[str]) -> int:
    """Check the files and print each hit as `path:line: phrase -> replacement`."""
    phrases = load_phrases()
    hits = 0
    for path in map(Path, arguments) if arguments else find_files(ROOT):
        for line, phrase, instead in find_phrases(path.read_text(encoding="utf-8"), phrases):
            print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{line}: {phrase!r} -> {instead}")
            hits += 1
    if hits:
        print(f"{hits} phrases to rewrite; the list is in .ci/phrases.toml", file=sys.stderr)
    return 1 if hits else 0


def load_phrases() -> dict[re.Pattern[str], str]:
    """Return the regular expressions with what to write instead."""
    content = tomllib.loads((ROOT / ".ci" / "phrases.toml").read_text(encoding="utf-8"))
    return {re.compile(pattern, re.I): instead for pattern, instead in content.items()}


def find_files(folder: Path) -> Iterator[Path]:
    """Yield the files to check in a folder and below it, in order."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name not in (".ci", ".github")
            if not hidden and path.name not in _SKIPPED_FOLDERS and not path.name.endswith(".egg-info"):
                yield from find_files(path)
        elif (path.suffix in _SUFFIXES or path.name in _NAMES) and path.name not in _SKIPPED_FILES:
            yield path


def find_phrases(text: str, phrases: dict[re.Pattern[str], str]) -> Iterator[tuple[int, str, str]]:
    """Yield line number, phrase and replacement of each hit, also across line breaks."""
    joined, starts = join_lines(text)
    for pattern, instead in phrases.items():
        for match in pattern.finditer(joined):
            line = sum(1 for start in starts if start <= match.start())
            yield line, match[0], instead


def join_lines(text: str) -> tuple[str, list[int]]:
    """Return the text on one line without comment signs, and where each of its lines starts in that."""
    parts, starts, length, last = [], [0], 0, 0
    for match in _LINE_BREAK.finditer(text):
        # No phrase goes on after a blank line.
        parts.append(text[last : match.start()] + (" " if match[0].count("\n") == 1 else " \N{PILCROW SIGN} "))
        length += len(parts[-1])
        starts += [length] * match[0].count("\n")
        last = match.end()
    return "".join([*parts, text[last:]]), starts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
