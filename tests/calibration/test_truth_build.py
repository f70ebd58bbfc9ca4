"""Compiling the truth server on demand."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.calibration import build
from pytest_llmbench.errors import StorageError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache."""
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("program")
def test_the_source_has_no_warnings(tmp_path: Path) -> None:
    """Not with the warnings that find mistakes in C."""
    compiler = build._compiler()
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror"]
    command = [*compiler, *build._FLAGS, *warnings, "-o", str(tmp_path / "out"), str(build.SOURCE), "-lm"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.stderr, result.returncode) == ("", 0)


def test_it_is_compiled_once(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time the cache has it, and nothing else lies beside it."""

    def compile_again(*_: object) -> None:
        pytest.fail("compiled again")

    monkeypatch.setattr(build, "_compile", compile_again)
    assert build.truth_server() == program
    assert os.access(program, os.X_OK)
    assert list(program.parent.iterdir()) == [program]


@pytest.mark.usefixtures("program")
def test_another_source_is_another_program(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version of the project does not run the old one's server."""
    first = build.truth_server()
    changed = tmp_path / "truth_server.c"
    changed.write_bytes(build.SOURCE.read_bytes() + b"\n/* changed */\n")
    monkeypatch.setattr(build, "SOURCE", changed)
    second = build.truth_server()
    assert first != second
    assert {first, second} == set((own_cache / "truth-server").iterdir())


@pytest.mark.usefixtures("own_cache")
def test_no_compiler_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to do about it."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="there is no C compiler; install gcc or clang"):
        build.truth_server()


@pytest.mark.usefixtures("own_cache")
def test_a_wrong_cc_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's choice is not replaced by another compiler."""
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(Unavailable, match="there is no no-such-compiler, which CC names"):
        build.truth_server()


@pytest.mark.usefixtures("program")
def test_cc_may_have_arguments(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it may for make; and it is part of what the cache is keyed by."""
    plain = build.truth_server()
    monkeypatch.setenv("CC", f"{build._compiler()[0]} -g")
    assert build.truth_server() != plain
    assert len(list((own_cache / "truth-server").iterdir())) == 2


@pytest.mark.usefixtures("program")
def test_the_compilers_words_are_passed_on(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that does not compile leaves nothing behind."""
    broken = tmp_path / "broken.c"
    broken.write_text("int main(void) { return nothing; }\n", encoding="utf-8")
    monkeypatch.setattr(build, "SOURCE", broken)
    with pytest.raises(Unavailable, match=r"(?s)does not compile here: .*nothing"):
        build.truth_server()
    assert list((own_cache / "truth-server").iterdir()) == []


@pytest.mark.usefixtures("program")
def test_a_cache_that_cannot_be_written_is_named(own_cache: Path) -> None:
    """The error carries the place."""
    own_cache.write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot build the truth server here: Not a directory"):
        build.truth_server()


@pytest.mark.usefixtures("own_cache")
def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is compiled that cannot be."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="needs Linux"):
        build.truth_server()
