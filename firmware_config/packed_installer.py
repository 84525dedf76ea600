"""install.py as it goes to a device: the package installer/ in one file that Python can run."""

import io
import zipfile
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("installer")
_MAIN: Final = """\
import sys
from pathlib import Path

from installer.command import main

sys.exit(main(Path(__file__).resolve().parent.parent))
"""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def packed_installer() -> bytes:
    """A zip that `python3 install.py` runs; the same sources give the same bytes."""
    files = {"__main__.py": _MAIN.encode()}
    for path in sorted(_FOLDER.glob("*.py")):
        files[f"installer/{path.name}"] = path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            # Not deflated, whose bytes depend on the version of zlib.
            archive.writestr(entry, content)
    return packed.getvalue()
