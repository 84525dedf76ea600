"""Fetching Kaggle's dataset: what happens without a network, and with one that swallows."""

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.errors import MaskGateError
from train.cli import main
from train.data import fetch


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def use(port: int) -> None:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)

    return use


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_a_network_one_line_says_what_to_do(
    tmp_path: Path, proxy: Callable[[int], None]
) -> None:
    proxy(closed_port())
    out = tmp_path / "data"
    done = CliRunner().invoke(main, ["fetch", "--out", str(out)])
    assert done.exit_code == 2
    (line,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    for hint in ("kaggle.json", "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", f"unpack it into {out}"):
        assert hint in line
    assert not out.exists()


def test_a_network_that_swallows_everything_is_not_waited_for_without_end(
    tmp_path: Path, proxy: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_PATIENCE", (0.3, 0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy(silent.getsockname()[1])
        start = time.monotonic()
        with pytest.raises(MaskGateError, match="cannot be fetched"):
            fetch.fetch_kaggle(tmp_path / "data")
        assert time.monotonic() - start < 30


def test_the_folder_links_to_what_kagglehub_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kagglehub
    import requests

    cached = tmp_path / "versions" / "1"
    cached.mkdir(parents=True)
    (cached / "train.csv").write_text("name,x1,x2,y1,y2,classname\n")
    # What only Kaggle's server could do.
    monkeypatch.setattr(requests, "head", lambda *_, **__: None)
    monkeypatch.setattr(kagglehub, "dataset_download", lambda _handle: str(cached))
    out = tmp_path / "data"
    assert fetch.fetch_kaggle(out) == cached
    assert (out / "train.csv").is_file()
    monkeypatch.setattr(kagglehub, "dataset_download", None)
    assert fetch.fetch_kaggle(out) == cached  # it is there already


def test_something_else_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=re.escape("something else than the dataset is there")):
        fetch.fetch_kaggle(tmp_path)
