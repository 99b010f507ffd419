"""The priority of threads that compute."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.inference.priority import lower_thread_priority


def read_niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the niceness of threads")
def test_a_thread_and_those_it_starts_are_nicer_than_the_others() -> None:
    own = read_niceness()
    inner: list[int] = []

    def start_another() -> int:
        thread = threading.Thread(target=lambda: inner.append(read_niceness()))
        thread.start()
        thread.join()
        return read_niceness()

    with ThreadPoolExecutor(1, initializer=lower_thread_priority) as pool:
        outer = pool.submit(start_another).result()
    assert outer == inner[0] == min(own + 8, 19)
    assert read_niceness() == own


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the niceness of threads")
def test_niceness_has_a_maximum() -> None:
    def lower_often() -> int:
        for _ in range(4):
            lower_thread_priority()
        return read_niceness()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lower_often).result() == 19
