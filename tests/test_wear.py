"""What an alert costs the memory card."""

from collections import Counter
from pathlib import Path

from tests.tracing import traced

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
    files = ["-P", str(folder / "outbox.sqlite"), "-P", str(folder / "outbox.sqlite-wal")]
    options = ["-o", str(trace), "-e", "trace=/sync|write", *files]
    traced(options, ALERTS, folder, str(violations))
    lines = trace.read_text().splitlines()
    return Counter(
        syncs=sum("sync" in line for line in lines),
        pages=sum(line.endswith(f"= {PAGE}") for line in lines),
    )


def test_an_alert_costs_one_sync_and_three_pages(tmp_path: Path):
    costs = cost(tmp_path / "many", 60)
    costs.subtract(cost(tmp_path / "few", 10))
    assert costs == {"syncs": 100, "pages": 300}
