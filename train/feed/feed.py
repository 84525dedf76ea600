"""What feeds a training: batches by epoch and step, made ahead of time by some threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event, Lock
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

MAKERS = min(8, os.cpu_count() or 1)
"""Threads that make batches; OpenCV and NumPy release the interpreter's lock for most of it."""
AHEAD = 8
"""Batches that wait ready or in the making, at most."""
SHUFFLE = 1
"""Sets the draw of an order apart from other draws of the same seed."""

Batch = tuple[NDArray[Any], NDArray[np.float32]]
Rows = NDArray[np.int64]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of each batch one of several devices trains on."""

    index: int = 0
    count: int = 1

    def of(self, rows: Rows) -> Rows:
        """Pick every `count`-th row.

        All devices get the same number of rows, so that each counts alike in the mean of their
        gradients: where they don't divide evenly, the first rows are given out once more.
        """
        each = -(-len(rows) // self.count)
        return rows[(np.arange(each) * self.count + self.index) % len(rows)]


WHOLE = Share()


class Feed(Protocol):
    """Batches that depend on nothing but their number, so that a training can go on anywhere."""

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        ...

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        """Make a batch: inputs, and the probability of `face_with_mask` to learn (rows x 1).

        Called by several threads at a time.

        Args:
            epoch: counts from 0.
            step: 0 to `steps` - 1.
            share: the part of the batch to make.
        """
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """The order of rows in each epoch: each row once, shuffled by seed and epoch."""

    rows: int
    size: int
    """Rows in a batch; the last one may have fewer."""
    seed: int | None
    """None: as they are, for a validation."""

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.rows // self.size)

    def batch(self, epoch: int, step: int, share: Share) -> Rows:
        """Give the rows of a batch."""
        chosen = slice(step * self.size, (step + 1) * self.size)
        if self.seed is None:
            return share.of(np.arange(self.rows)[chosen])
        shuffled = np.random.default_rng((self.seed, epoch, SHUFFLE)).permutation(self.rows)
        return share.of(shuffled[chosen])


@contextmanager
def made_ahead(
    make: Callable[[int, int], Made], steps: int, first_epoch: int
) -> Iterator[Iterator[Made]]:
    """Make the batches of all epochs from one on, in order, without end.

    A few threads keep AHEAD batches ready, also while a validation runs. They end with the
    context, and then so do the batches; whoever takes them may be another thread.

    Args:
        make: makes the batch of an epoch and step.
        steps: number of batches in an epoch.
        first_epoch: counts from 0.
    """
    numbers = ((epoch, step) for epoch in count(first_epoch) for step in range(steps))
    pool = ThreadPoolExecutor(MAKERS, thread_name_prefix="feed")
    lock, ended = Lock(), Event()

    def batches() -> Iterator[Made]:
        waiting: deque[Future[Made]] = deque()
        for number in numbers:
            with lock:
                if ended.is_set():
                    return
                waiting.append(pool.submit(make, *number))
            if len(waiting) > AHEAD:
                try:
                    made = waiting.popleft().result()
                except CancelledError:
                    return
                yield made

    try:
        yield batches()
    finally:
        with lock:
            ended.set()
        pool.shutdown(wait=False, cancel_futures=True)
