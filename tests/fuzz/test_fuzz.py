"""Malformed settings, manifests, bundles, signatures and commands: each a clear refusal or success.

A short run in every `make test`; `make fuzz` does 10,000 cases of each.
"""

import logging
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.cases import cases
from tests.fuzz.targets import Device, is_refused, targets

CASES = int(os.environ.get("FUZZ_CASES", "150"))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return Device(tmp_path_factory.mktemp("device"))


@pytest.mark.timeout(60 + CASES)
@pytest.mark.parametrize(
    "name", ["configuration", "manifest", "zip", "signature", "updates", "command"]
)
def test_whatever_comes_is_refused_clearly_or_taken(
    tmp_path: Path, device: Device, name: str
) -> None:
    target = targets(device).get(name)
    if target is None:
        pytest.skip("no commands here yet")
    place = tmp_path / "empty"
    place.mkdir()
    seen = Counter[bool]()

    @settings(
        max_examples=CASES,
        deadline=None,  # A case has a limit of its own, which says more.
        database=None,
        derandomize=CASES < 1000,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(cases(name, device))
    def run(data: bytes) -> None:
        seen[is_refused(target, data, place)] += 1

    logging.disable()  # What a damaged file of the device's own leads to is told there each time.
    try:
        run()
    finally:
        logging.disable(logging.NOTSET)
    print(f"{name}: {seen.total()} cases, {seen[True]} refused, {seen[False]} taken")
    if name != "updates":  # There nothing may be refused: the device must start.
        assert seen[True] > CASES / 10
