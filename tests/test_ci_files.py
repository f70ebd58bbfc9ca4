"""The workflow files of the manual are YAML, and say nothing that pytest or llmbench would not take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from pytest_llmbench.cli import _parser
from pytest_llmbench.options import OPTIONS

FILES = sorted((Path(__file__).parents[1] / "docs" / "ci").glob("*.yml"))
FLAGS = {option.flag for option in OPTIONS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_are_ours(path: Path) -> None:
    """Every option exists, and every llmbench command can be parsed."""
    text = path.read_text(encoding="utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    used = set(re.findall(r"--bench-[a-z-]+", text))
    assert used
    assert used <= FLAGS
    commands = re.findall(r"llmbench (report [^>\n]*)", text)
    assert commands
    for command in commands:
        assert _parser().parse_args(shlex.split(command)).command.name == "report"
