"""The profile of a receipt: the functions that it times exist."""

from __future__ import annotations

from functools import reduce
from importlib import import_module

import pytest

from benchmarks.profile import PARTS


@pytest.mark.parametrize("name", [name for names in PARTS.values() for name in names])
def test_times_functions_that_exist(name: str) -> None:
    module, _, path = name.partition(":")
    assert callable(reduce(getattr, path.split("."), import_module(module)))
