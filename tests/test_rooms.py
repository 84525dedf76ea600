"""Who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"edge", "train", "convert", "firmware_config"}
MAY_IMPORT = {
    "edge": set(),
    "train": {"edge"},
    "convert": {"edge", "train"},
    "firmware_config": {"edge"},
}


def imported_by(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for file in (ROOT / room).rglob("*.py"):
        others = imported_by(file) & (ROOMS - {room})
        assert others <= MAY_IMPORT[room], f"{file} imports {others - MAY_IMPORT[room]}"


def test_the_device_imports_no_tensorflow() -> None:
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in (ROOT / "edge").rglob("*.py")
        if file.stem != "__init__"
    ]
    check = (
        f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'skimage', 'mtcnn', 'jax'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
