"""The priority of threads that compute: lower than that of the event loop, which answers many in little time."""

from __future__ import annotations

import os
import sys
import threading

_STEP, _MAX_NICENESS = 8, 19


def lower_thread_priority() -> None:
    """Make this thread nicer, and with it all that it starts, such as the threads of a network.

    Nothing changes on idle cores. Does nothing where the system knows no niceness of threads (`setpriority(2)`, NOTES).
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    niceness = min(os.getpriority(os.PRIO_PROCESS, thread) + _STEP, _MAX_NICENESS)
    os.setpriority(os.PRIO_PROCESS, thread, niceness)
