"""Threads for what takes long: when the machine is busy, messages go first."""

import contextlib
import os
import sys
import threading

NICENESS = 10


def be_nice() -> None:
    """Begins a thread of low priority."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
