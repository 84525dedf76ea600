"""Does a step in a process that is killed before it touches the disk.

For programs of their own: it forks, so there must be no threads.
"""

import os
import signal
import sys
from collections.abc import Callable


def is_killed(
    step: Callable[[], object], touch: int, counts: Callable[[str, tuple[object, ...]], bool]
) -> bool:
    """Do a step in a process that is killed before it touches the disk for the n-th time.

    Args:
        step: what is done.
        touch: n.
        counts: whether one of Python's audit events, by its name and what belongs to it, is a
            touch of the disk.
    """
    child = os.fork()
    if child == 0:
        left = touch

        def hook(event: str, words: tuple[object, ...]) -> None:
            nonlocal left
            if counts(event, words):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        step()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
