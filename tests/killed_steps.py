"""Does a step of an update again and again, each time killed at the next touch of the disk.

A process of its own: it forks, and must have no threads.
"""

import json
import shutil
import sys
from collections.abc import Callable
from types import SimpleNamespace

from edge.bundle import Bundle
from edge.config import Settings
from edge.trust.gate import load_trusted, remember_running
from edge.updates import probation, update
from edge.updates.current import updates_folder
from tests.killing import is_killed

TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod"}
"""Python's names of what touches the disk, told before it is done."""


def open_nets(settings: Settings) -> SimpleNamespace:
    """What OpenNets does with the bundles, without the nets."""
    bundles = [
        load_trusted(section.bundle, settings)
        for section in (settings.detector, settings.classifier)
    ]
    for bundle in bundles:
        for file in bundle.manifest.files:
            bundle.content(file)
    remember_running(bundles, settings)
    return SimpleNamespace(bundles=bundles, classifier=None)


def run(settings: Settings, frames: int) -> str:
    """A run of the device; the classifier's version."""
    watching = probation.Probation(settings)
    bundle: Bundle = watching.open_nets(settings).bundles[1]  # type: ignore[attr-defined]
    for _ in range(frames):
        watching.frame_done()
    watching.close()
    return bundle.manifest.version


def main() -> None:
    """Print what ran at the two starts after each kill, one a line."""
    settings = Settings.model_validate_json(sys.argv[1])
    name, source = sys.argv[2:]
    # Neither writes anything where the device keeps its state.
    update.require_agreement = lambda *_: 16
    probation.require_still = lambda *_: None
    probation.OpenNets = open_nets  # type: ignore[assignment,misc]
    step: Callable[[], object] = {
        "update": lambda: update.update(source, settings),
        "back": lambda: update.go_back(settings),
        "run": lambda: run(settings, probation.FRAMES),
        "start": lambda: run(settings, 0),
    }[name]
    state = updates_folder(settings).parent.resolve()
    begin = state.with_name("begin")
    shutil.copytree(state, begin)

    def touches_the_state(event: str, words: tuple[object, ...]) -> bool:
        return event in TOUCHES and str(state) in str(words)

    touch, killed = 0, True
    while killed:
        touch += 1
        shutil.rmtree(state)
        shutil.copytree(begin, state)
        killed = is_killed(step, touch, touches_the_state)
        print(json.dumps([run(settings, 0), run(settings, 0)]))
        if source:
            # A kill is in the way of no later update, and leaves nothing behind for good.
            update.update(source, settings)
            kept = {path.suffix for path in updates_folder(settings).iterdir()}
            assert kept <= {".zip", ".json", ".lock"}, kept
    shutil.rmtree(begin)


if __name__ == "__main__":
    main()
