"""Fuzzing guided by coverage: python -m tests.fuzz.guided TARGET -runs=10000 (see `make fuzz`).

Atheris mutates good files itself and keeps what reaches new lines of ours.
"""

import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge"], enable_loader_override=False):
    from tests.fuzz.targets import Device, is_refused, seeds, targets


def main() -> None:
    """Fuzz one target."""
    name, *options = sys.argv[1:]
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="maskgate-fuzz-") as folder:
        device = Device(Path(folder))
        place, corpus = Path(folder) / "empty", Path(folder) / "corpus"
        place.mkdir()
        corpus.mkdir()
        for number, seed in enumerate(seeds(name, device)):
            (corpus / str(number)).write_bytes(seed)
        target = targets(device)[name]
        atheris.Setup(
            [sys.argv[0], *options, str(corpus)], lambda data: is_refused(target, data, place)
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
