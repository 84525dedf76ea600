"""Fetches a GPU in software, for the tests: SwiftShader, as npm's @sparticuz/chromium has it.

Says why in one line, and ends well, where that cannot be: the tests of GPUs are skipped then.
"""

import hashlib
import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@sparticuz/chromium@147.0.0"
SHA256 = "18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b"
MEMBER = "package/bin/swiftshader.tar.br"
UNPACK = (
    "const z = require('zlib'), f = require('fs');"
    "f.writeFileSync(1, z.brotliDecompressSync(f.readFileSync(0)))"
)
LIBRARIES = ("libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json")
LIMIT = 300
"""Seconds for fetching 68 MB."""


def main() -> None:
    """Fetch it into the folder given on the command line."""
    folder = Path(sys.argv[1])
    try:
        fetch(folder)
    except (OSError, ValueError, KeyError, tarfile.TarError, subprocess.SubprocessError) as error:
        print(f"no SwiftShader ({error}): the tests of GPUs are skipped")


def fetch(folder: Path) -> None:
    """Fetch, check, unpack; the folder is complete once it holds a file called ready."""
    if platform.machine() != "x86_64" or sys.platform != "linux":
        raise ValueError("the package has it for Linux on x86-64 only")
    if not (shutil.which("npm") and shutil.which("node")):
        raise ValueError("npm and node are not installed")
    print(f"fetching a GPU in software, for the tests, into {folder}")
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            ["npm", "pack", "--silent", PACKAGE],
            cwd=name, check=True, timeout=LIMIT, capture_output=True,
        )  # fmt: skip
        (archive,) = Path(name).glob("*.tgz")
        content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(f"{PACKAGE} has SHA-256 {found}, expected {SHA256}")
    with tarfile.open(fileobj=io.BytesIO(content)) as outer:
        member = outer.extractfile(MEMBER)
        assert member
        packed = member.read()
    done = subprocess.run(
        ["node", "-e", UNPACK], input=packed, check=True, capture_output=True, timeout=LIMIT
    )
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as inner:
        for library in LIBRARIES:
            part = inner.extractfile(library)
            assert part
            (folder / library).write_bytes(part.read())
    (folder / "ready").touch()


if __name__ == "__main__":
    main()
