"""`maskgate config example`: the commented whole of the settings."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from edge.cli import main
from edge.config import Settings
from edge.loading import load_settings

UNCOMMENTED = re.compile(r"^#(?=[a-z_]+ = )", re.M)


@pytest.fixture(scope="module")
def example() -> str:
    done = CliRunner().invoke(main, ["config", "example"])
    assert done.exit_code == 0
    return done.output


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "maskgate.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment={})


def test_as_it_is_the_example_changes_nothing(tmp_path: Path, example: str) -> None:
    assert load(tmp_path, example) == Settings()


def test_it_is_valid_with_every_key_uncommented(tmp_path: Path, example: str) -> None:
    text, count = UNCOMMENTED.subn("", example)
    assert count > 40
    settings = load(tmp_path, text)
    assert settings.broker.url == "mqtts://north-door@broker.example:8883"
    assert settings.decision == Settings().decision.model_copy(update={"min_face": 60})


def test_every_section_and_key_is_there_with_what_it_does(example: str) -> None:
    def sections(kind: Any) -> list[type[BaseModel]]:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return [kind]
        return [found for inner in get_args(kind) for found in sections(inner)]

    parts = dict(re.findall(r"^\[([a-z_]+)[^\]]*\]\n((?:#.*\n)*)", example, re.M))
    assert list(parts) == list(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        for section in sections(field.annotation):
            for key, declared in section.model_fields.items():
                assert re.search(rf"^# ?{key}[:=]|^#{key} = ", parts[name], re.M), f"{name}.{key}"
                assert declared.description, f"{name}.{key} has no description"


def test_lines_fit_a_screen(example: str) -> None:
    assert max(map(len, example.splitlines())) <= 110
