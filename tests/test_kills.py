"""No alert is lost, doubled under another id or out of order, whoever is killed and when."""

from pathlib import Path

import pytest

from tests.brokers import MOSQUITTO
from tests.kills import kill_again_and_again


@pytest.mark.slow
def test_ten_kills_of_the_device_and_a_broker_that_comes_and_goes_cost_nothing(tmp_path: Path):
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    result = kill_again_and_again(tmp_path, kills=10, seed=3)
    assert result.is_good, result
    assert result.added > 100
    assert result.broker_ends > 0
