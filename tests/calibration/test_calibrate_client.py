"""The client at rising load, and `llmbench calibrate-client`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench import cli
from pytest_llmbench.calibration import calibrate as module
from pytest_llmbench.calibration.calibrate import calibrate, calibration_path
from pytest_llmbench.calibration.figures import LevelFigures
from pytest_llmbench.calibration.level import measure_level, most_streams, requests_for
from pytest_llmbench.calibration.server import Behaviour
from pytest_llmbench.calibration.table import NOTHING, duration, markdown, relative, row
from pytest_llmbench.client.generator import LoadGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Answers of less than ten sends: TCP lets that many go before the first is acknowledged. Of more it keeps
# some back while a client that lost its core reads nothing, and those arrive later than the server sent them.
TINY = ["--levels", "1,3", "--seconds", "0.05", "--ttft", "2", "--itl", "0.5", "--tokens", "8"]
SHORT = Behaviour(ttft=2000, itl=500, tokens=8)


def level(**changes: Any) -> LevelFigures:  # noqa: ANN401 - fields of a dataclass
    """Figures as they should be, with changes."""
    good: dict[str, Any] = dict.fromkeys(LevelFigures.__slots__, 0.001)
    counts = {"streams": 4, "requests": 8, "failed": 0, "chunks": 80, "unmatched": 0, "chunk_rate": 100.0}
    shares = {"outside_share": 0.0, "merged_share": 0.0, "delivered": 1.0}
    return LevelFigures(**good | counts | shares | changes)


@pytest.fixture(scope="module")
def generator() -> Iterator[LoadGenerator]:
    """Give one load generator to all tests here."""
    generator = LoadGenerator()
    yield generator
    generator.close()


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("behaviour", "chunks"),
    [
        (SHORT, 8),
        (replace(SHORT, jitter="exponential"), 8),
        (replace(SHORT, burst=3), 8),
        (replace(SHORT, tokens=20, tokens_per_chunk=3, usage="each"), 7),
        (replace(SHORT, tokens=6, split_every=3, split_delay=1000), 6),
        (replace(SHORT, tokens=4, split_every=1), 4),
        (replace(SHORT, tokens=7, reasoning=5, role_chunk=True), 7),
    ],
    ids=["plain", "jitter", "bursts", "tokens", "late-splits", "splits", "reasoning"],
)
def test_every_chunk_arrives_within_its_uncertainty(
    generator: LoadGenerator, behaviour: Behaviour, chunks: int
) -> None:
    """However the server sends: the client loses none and is wrong about none."""
    found = measure_level(generator, 8, requests=32, behaviour=behaviour)
    assert (found.requests, found.failed, found.unmatched) == (32, 0, 0)
    assert found.chunks == 32 * chunks
    assert found.outside_share == 0
    assert found.error_max is not None
    assert found.error_max >= 0


@pytest.mark.usefixtures("program")
def test_failures_are_counted(generator: LoadGenerator) -> None:
    """What the server was told to spoil is missing, and the rest is compared."""
    behaviour = Behaviour(ttft=2000, itl=500, tokens=20, stream_error_every=4)
    found = measure_level(generator, 4, requests=16, behaviour=behaviour)
    assert (found.failed, found.chunks) == (4, 12 * 20)


@pytest.mark.usefixtures("program")
def test_what_it_does_not_carry_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither more streams than files may be open, nor more than a level that was hopeless."""
    hopeless = partial(level, delivered=0.4)
    monkeypatch.setattr(module, "measure_level", lambda _, streams, **__: hopeless(streams=streams))
    monkeypatch.setattr(module, "most_streams", lambda: 100)
    found = calibrate([16, 4, 4, 200], seconds=1, behaviour=Behaviour())
    assert [one.streams for one in found.levels] == [4]
    assert found.notes == (
        "16 streams were left out: this host did not carry 4",
        "200 streams need more open files than this host permits (100 streams)",
    )


def test_what_should_not_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stamps that were wrong, requests that failed, chunks that were lost."""
    wrong = level(outside_share=0.01, failed=1, unmatched=3)
    monkeypatch.setattr(module, "measure_level", lambda *_, **__: wrong)
    notes = " ".join(calibrate([4], seconds=1, behaviour=Behaviour()).notes)
    assert "1.00% of chunks arrived outside of their stated uncertainty" in notes
    assert "1 of 8 requests failed" in notes
    assert "2 answers had other chunks" in notes


def test_requests_fill_the_time() -> None:
    """Rounded to whole requests of every stream, and at least one."""
    assert requests_for(16, 3.0, Behaviour()) == 48
    assert requests_for(16, 0.1, Behaviour()) == 16
    assert requests_for(1, 0.01, Behaviour(ttft=0, itl=0)) == 10


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are left for everything else; no limit is still a number."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    assert most_streams() == 4096 - 64
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    assert most_streams() > 1_000_000


@pytest.mark.usefixtures("program")
def test_the_command_shows_and_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a level, what it carried, and a document in a folder that git leaves alone."""
    monkeypatch.setattr(
        module, "_HOPELESS", 0.0
    )  # a busy machine carries one stream badly, and is asked for three
    monkeypatch.chdir(tmp_path)
    assert cli.main(["calibrate-client", *TINY]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["streams", "1", "3"]
    folder = tmp_path / "results" / "calibration"
    (stored,) = folder.glob("*.json")
    assert f"stored: {stored.relative_to(tmp_path)}" in lines
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"
    document = json.loads(stored.read_text(encoding="utf-8"))
    assert document["schema"] == "llmbench-calibration/1"
    assert document["server"]["itl"] == 500
    assert [one["streams"] for one in document["levels"]] == [1, 3]
    assert all(one["chunks"] and not one["outside_share"] for one in document["levels"])


@pytest.mark.usefixtures("program")
def test_json_goes_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a file, or to standard output and nothing else there."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["calibrate-client", *TINY, "--levels", "1", "--json", "here.json"]) == 0
    assert "stored: here.json" in capsys.readouterr().out
    assert cli.main(["calibrate-client", *TINY, "--levels", "1", "--json", "-"]) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = json.loads((tmp_path / "here.json").read_text(encoding="utf-8"))
    assert printed.keys() == stored.keys()
    assert [found.name for found in tmp_path.iterdir()] == ["here.json"]


def test_a_wrong_client_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a script notices; the document is stored all the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "measure_level", lambda *_, **__: level(outside_share=0.5, error_p99=0.002))
    assert cli.main(["calibrate-client", "--levels", "4"]) == 1
    out = capsys.readouterr().out
    assert "no level had a p99 error under 1 ms" in out
    assert "note: 4 streams: 50.00% of chunks" in out
    assert list((tmp_path / "results" / "calibration").glob("*.json"))


def test_without_a_compiler_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, no traceback."""
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    assert cli.main(["calibrate-client", "--levels", "1"]) == 1
    assert capsys.readouterr().err.startswith("llmbench: the truth server ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--levels", "1,x"],
        ["--levels", "0"],
        ["--seconds", "nan"],
        ["--seconds", "x"],
        ["--itl", "-1"],
        ["--tokens", "1.5"],
    ],
)
def test_nonsense_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It names the option."""
    assert cli.main(["calibrate-client", *arguments]) == 4
    assert f"argument {arguments[0]}" in capsys.readouterr().err


def test_calibrations_have_names_in_order_of_time(tmp_path: Path) -> None:
    """And what the user wrote beside them stays."""
    started = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")
    assert calibration_path(tmp_path, started).name.startswith("20261120T180000Z-")
    assert calibration_path(tmp_path, started, "noise-").name.startswith("noise-20261120T180000Z-")
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"


def test_tables() -> None:
    """Durations in the unit that suits them; a dash for what there is not."""
    assert [duration(value) for value in (None, 3e-6, 0.0504)] == [NOTHING, "3 µs", "50.4 ms"]
    assert [relative(value) for value in (None, 0.0123)] == [NOTHING, "+1.23%"]
    assert row(level(outside_share=0.5, cpu_per_million=None))[-2:] == ("50.00%", NOTHING)
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| ---: | ---: |\n| 1 | 2 |\n"
