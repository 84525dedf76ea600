"""A watch with all that it says and hears, on a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.config import Broker, Camera, Classifier, Detector, Device, Outbox, Settings
from edge.demo.portraits import COLLINS, find_photo
from edge.ending import End
from edge.sources.pictures import read_picture
from edge.watch.conversation import Conversation
from edge.watch.running import Watch


def bare_face_video(path: Path) -> Path:
    """A video of one bare face that stays for three seconds."""
    photo = cv2.resize(read_picture(find_photo(COLLINS)), (480, 480))
    frame = np.full((480, 640, 3), 90, np.uint8)
    frame[:, 80:560] = photo[:, :, ::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 480))
    for _ in range(30):
        writer.write(frame)
    writer.release()
    return path


def settings(folder: Path, broker: Broker, source: Path | str, **more: Any) -> Settings:
    """Of the device north-door at hq, with one camera; nothing is measured."""
    fixed = {
        "device": Device(site="hq", id="north-door"),
        "cameras": {"entrance": Camera(source=str(source))},
        "broker": broker,
        "detector": Detector(accelerator="cpu"),
        "classifier": Classifier(accelerator="cpu"),
        "outbox": Outbox(path=folder / "outbox"),
    }
    return Settings(**{**fixed, **more})


@contextmanager
def watching(
    chosen: Settings,
    health: dict[str, Any] | None = None,
    reread: Callable[[], Settings] | None = None,
) -> Iterator[Watch]:
    """Watch as long as the block takes."""
    made = Watch(chosen, str, reread=reread)
    conversation = Conversation(made, {})
    if health is not None:
        conversation.tell_health(lambda: health)
    made.observe(conversation)
    made.speak(conversation.attach)
    end = End(None)

    def go() -> None:
        with made:
            try:
                made.run(end)
                made.finish()
            finally:
                conversation.close()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield made
    finally:
        end.asked = True
        thread.join(15)
        assert not thread.is_alive()
