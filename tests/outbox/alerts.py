"""Which alerts wait in an outbox, a process that is killed with one, a disk without space."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.alerting.outbox import Outbox


def numbers(outbox: Outbox, limit: int = 10_000) -> list[int]:
    return [row.alert.violation.int for row in outbox.waiting(limit=limit)]


Open = Callable[..., Outbox]


@contextmanager
def full_disk(size: int = 0) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


KILLED = """
import os, signal, sys
from pathlib import Path
from edge.config import Outbox as Settings
from edge.alerting.outbox import Outbox
from tests.samples import alert
outbox = Outbox(Settings(path=Path(sys.argv[1])))
for number in range(1, 100_000):
    outbox.add(alert(number, "closed"))
    print(number, flush=True)
"""
