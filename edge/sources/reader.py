"""The process that reads a camera: its driver may hang, its pictures may crash the decoder."""

import json
import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.errors import MaskGateError
from edge.sources.cameras import open_camera
from edge.sources.frame_memory import MOST_BYTES, FrameMemory
from edge.sources.source import Source, SourceAway
from edge.sources.wanted import Wanted

ASK, BYE = b"?", b"."
"""What the device says to the reader: a picture, please; and close the camera."""
FIRST_TO_GO = "800"
"""Of 1000: when memory runs out, the system ends this process and not the device's."""


def main() -> None:
    """Read the camera that the device names, for as long as it asks for pictures."""
    with suppress(OSError):  # nobody needs it
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
    channel = socket.socket(fileno=int(sys.argv[2]))
    memory = FrameMemory(int(sys.argv[3]))
    logging.basicConfig(level=logging.INFO, handlers=[_Told(channel)])
    wanted = Wanted.from_json(channel.recv(65536))
    asked, ending = threading.Event(), threading.Event()
    threading.Thread(target=_listen, args=(channel, asked, ending), daemon=True).start()
    try:
        source = open_camera(wanted)
        _say(channel, opened=True)
        try:
            _read(source, channel, memory, asked, ending)
        finally:
            source.close()
        _say(channel, ended=True)
    except SourceAway as error:
        _say(channel, away=str(error))
    except MaskGateError as error:
        _say(channel, refused=str(error))
    except Exception as error:  # noqa: BLE001 - the device tells of it
        _say(channel, away=f"cannot be read ({error!r})")


def _read(
    source: Source,
    channel: socket.socket,
    memory: FrameMemory,
    asked: threading.Event,
    ending: threading.Event,
) -> None:
    skipped = 0
    while not ending.is_set() and (pixels := source.read()) is not None:
        if pixels.nbytes > MOST_BYTES:
            raise SourceAway(f"sends pictures of {pixels.shape[1]} x {pixels.shape[0]} pixels")
        if not asked.is_set():
            # The camera must not wait, or what it sends would grow old on the way.
            skipped += 1
            continue
        asked.clear()
        memory.write(pixels)
        _say(channel, frame=[*pixels.shape[:2], skipped])
        skipped = 0


def _listen(channel: socket.socket, asked: threading.Event, ending: threading.Event) -> None:
    """Hear what the device says; end at once when it has gone, however the driver hangs."""
    while True:
        said = channel.recv(16)
        if said == ASK:
            asked.set()
        elif said == BYE:
            ending.set()
        else:
            os._exit(0)


def _say(channel: socket.socket, **message: Any) -> None:
    try:
        channel.send(json.dumps(message).encode())
    except OSError:
        os._exit(0)  # The device has gone.


class _Told(logging.Handler):
    """Lets the device write what is logged here."""

    def __init__(self, channel: socket.socket) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        _say(self._channel, log=[record.levelno, record.getMessage()[:2000]])
