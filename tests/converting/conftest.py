"""A run, and the bundle that is made of it."""

from pathlib import Path

import pytest

from tests.converting.brightness import brightness_model, convert, faces, write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "brightness"
    return write_run(folder, brightness_model(), *faces(40, 20, 230))


@pytest.fixture(scope="session")
def bundle(run: Path) -> Path:
    out = run.parent / "bundle"
    done = convert(run, out)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model tells shades apart that int8 takes for one."""
    shown, masked = faces(40, 99.05, 99.35)
    middle = float(shown.mean())
    folder = tmp_path_factory.mktemp("runs") / "fragile"
    return write_run(folder, brightness_model(20_000, middle), shown, masked)
