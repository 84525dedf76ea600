"""A node of a clustered broker is killed while devices publish: nothing is lost."""

from pathlib import Path

import pytest

from tests.fleet.fleet import Trial, run_trial
from tests.fleet.programs import find_program


@pytest.mark.fleet
@pytest.mark.timeout(900)
@pytest.mark.parametrize("broker", ["nats", "rabbitmq"])
def test_a_killed_node_costs_no_alert(tmp_path: Path, broker: str) -> None:
    for program in ("haproxy", f"{broker}-server"):
        if find_program(program) is None:
            pytest.skip(f"{program} is not installed")
    result = run_trial(Trial(broker), tmp_path, print)
    assert result.is_good, result
    assert result.published > 1000
    assert result.cut_off > 0
    assert result.subscriber_cut_off > 0
