"""What an alert costs the memory card."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PAGE = 4096
ALERTS = """
import sys
from pathlib import Path
from edge.alerting.outbox import Outbox
from edge.config import Outbox as Settings
from tests.samples import SetClock, alert
outbox = Outbox(Settings(path=Path(sys.argv[1]) / "outbox.sqlite"), SetClock())
for number in range(int(sys.argv[2])):
    for state in ("opened", "closed"):
        outbox.add(alert(number, state))
        outbox.waiting(16)
        outbox.retry()
        outbox.remove([row.sequence for row in outbox.waiting()])
        outbox.retry()
outbox.close()
"""


def cost(folder: Path, violations: int) -> Counter[str]:
    """Syncs, and pages written, of an outbox that takes and gives away so many."""
    folder.mkdir()
    trace = folder / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=/sync|write", "-P",
         str(folder / "outbox.sqlite"), "-P", str(folder / "outbox.sqlite-wal"),
         sys.executable, "-c", ALERTS, str(folder), str(violations)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    if "PTRACE" in done.stderr:
        pytest.skip("no process may be traced here")
    assert (done.returncode, done.stderr) == (0, "")
    lines = trace.read_text().splitlines()
    return Counter(
        syncs=sum("sync" in line for line in lines),
        pages=sum(line.endswith(f"= {PAGE}") for line in lines),
    )


def test_an_alert_costs_one_sync_and_three_pages(tmp_path: Path):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    costs = cost(tmp_path / "many", 60)
    costs.subtract(cost(tmp_path / "few", 10))
    assert costs == {"syncs": 100, "pages": 300}
