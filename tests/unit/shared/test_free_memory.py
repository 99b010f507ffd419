"""Returning free memory to the system."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from shared.free_memory import return_free_memory


def test_asks_the_c_library_to_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=kept.append))
    return_free_memory()
    assert kept == [0]


def test_does_nothing_with_other_c_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    return_free_memory()
