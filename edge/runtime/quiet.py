"""Keeps LiteRT's chatter about GPUs out of the log.

LiteRT 2.3 writes some forty lines when it opens a model for a GPU, one of them to standard output,
and has neither a variable nor a call to stop it (LiteRtSetMinLoggerSeverity is not exported).
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    rb"(INFO|VERBOSE|WARNING): |[IW]\d{4} [\d:.]+ |\xe2\x94\x94 Could not load shared library"
)
"""How its lines begin that are no errors; the last belongs to a warning of plugins not needed."""
_STREAMS = 1, 2
"""Standard output and standard error."""


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Hold back what the process writes meanwhile, then pass on all but the chatter.

    What other threads write meanwhile is passed on late, not lost, and to standard error.

    Yields:
        Gets the lines that were passed on, when it ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(stream) for stream in _STREAMS]
    said: list[str] = []
    with tempfile.TemporaryFile() as held:
        for stream in _STREAMS:
            os.dup2(held.fileno(), stream)
        try:
            yield said
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, own in zip(_STREAMS, kept, strict=True):
                os.dup2(own, stream)
                os.close(own)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
                    said.append(line.decode(errors="replace").rstrip())
