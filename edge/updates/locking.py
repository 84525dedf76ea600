"""Locks between processes; the kernel lets go of them, however a process ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL = 0.05
"""Seconds between two tries."""


def lock(path: Path, wait: float = 0.0) -> int | None:
    """Take a lock.

    Args:
        path: its file, made if need be; its folder must exist.
        wait: seconds to wait for another process that holds it.

    Returns:
        A descriptor to close; None where another process held it all the time.

    Raises:
        OSError: the file cannot be made.
    """
    end = time.monotonic() + wait
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(descriptor)
                return None
            time.sleep(POLL)
        except OSError:
            os.close(descriptor)
            raise
        else:
            return descriptor


@contextmanager
def locked(path: Path, wait: float) -> Iterator[None]:
    """Hold a lock.

    Raises:
        TimeoutError: another process held it all the time.
        OSError: the file cannot be made.
    """
    descriptor = lock(path, wait)
    if descriptor is None:
        raise TimeoutError("another process holds it")
    try:
        yield
    finally:
        os.close(descriptor)
