"""`huggingface_hub` itself against a server that speaks the hub's API."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.models.hub import hub_folder
from pytest_llmbench.models.source import HubSource
from tests.models.hub_server import COMMIT, hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.models.hub_server import Hub

_LOCATE = """
import sys
from pathlib import Path
from pytest_llmbench.errors import LLMBenchError
from pytest_llmbench.models import locate
try:
    found = locate(sys.argv[1], lambda text: print("told", text), formats=[sys.argv[2]])
except LLMBenchError as error:
    print(type(error).__name__, error)
else:
    print("found", found)
"""
SAFE = {
    "config.json": json.dumps({"num_attention_heads": 4}).encode(),
    "model.safetensors": bytes(range(256)) * 4096,
    "pytorch_model.bin": b"the same in another format",
    "original/consolidated.safetensors": b"the same again",
    "README.md": b"hello",
}
LARGE = bytes(range(256)) * 80_000
GGUF = {
    "Tiny-Q4_K_M.gguf": b"GGUF four",
    "big/Tiny-Q8_0-00001-of-00002.gguf": b"GGUF eight",
    "big/Tiny-Q8_0-00002-of-00002.gguf": b"GGUF eight more",
}


class Locate(Protocol):
    """Looks for a model in a process of its own, as `huggingface_hub` reads its variables once."""

    def __call__(self, source: str, kind: str = "safetensors", **env: str) -> list[str]:
        """Return what it printed: what it told, and what it found or which error it raised."""


@pytest.fixture
def served() -> Iterator[Hub]:
    """Serve a hub with two repositories."""
    with hub() as state:
        state.files = {"owner/safe": dict(SAFE), "owner/tiny-gguf": dict(GGUF)}
        yield state


@pytest.fixture
def locate(served: Hub, tmp_path: Path) -> Locate:
    """Look for models in that hub, with an empty cache."""

    def run(source: str, kind: str = "safetensors", **env: str) -> list[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        done = subprocess.run(
            [sys.executable, "-c", _LOCATE, source, kind],
            env={**clean, "HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf"), **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def _found(lines: list[str]) -> Path:
    assert lines[-1].startswith("found "), lines
    return Path(lines[-1].removeprefix("found "))


def test_folder_is_fetched_once(locate: Locate, served: Hub) -> None:
    """Of a repository with safetensors, what an engine reads is fetched, at a commit, and not again."""
    lines = locate("owner/safe")
    folder = _found(lines)
    assert folder.name == COMMIT
    assert (folder / "model.safetensors").read_bytes() == SAFE["model.safetensors"]
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert lines[0].startswith("told fetching owner/safe: 0.00 of 0.00 GiB (")
    asked = len(served.requests)
    assert _found(locate("owner/safe")) == folder
    assert len(served.requests) == asked


def test_hub_that_cannot_be_reached(locate: Locate) -> None:
    """What was fetched before is found without the hub; what was not says so."""
    folder = _found(locate("owner/safe"))
    assert _found(locate("owner/safe", HF_HUB_OFFLINE="1")) == folder
    assert _found(locate("owner/safe", HF_ENDPOINT="http://127.0.0.1:9")) == folder
    lines = locate("owner/other", HF_HUB_OFFLINE="1")
    assert lines == ["Unavailable the hub cannot be reached and owner/other is not in its cache"]


def _ranges(served: Hub) -> list[int]:
    """The first bytes that were asked for, of the large file."""
    return [
        int(str(asked).removeprefix("bytes=").rstrip("-"))
        for path, asked in served.requests
        if path.endswith("large.safetensors")
    ]


def test_cut_connection_is_taken_up_where_it_broke(locate: Locate, served: Hub) -> None:
    """What has arrived is not fetched again."""
    served.files["owner/safe"]["large.safetensors"] = LARGE
    served.cut_after = 9_000_000
    folder = _found(locate("owner/safe"))
    assert (folder / "large.safetensors").read_bytes() == LARGE
    first, second = _ranges(served)
    assert (first, 0 < second <= 9_000_000) == (0, True)


def test_killed_download_goes_on_where_it_stopped(locate: Locate, served: Hub, tmp_path: Path) -> None:
    """Of a fetch that was killed, the next one asks only for the rest."""
    served.files["owner/safe"]["large.safetensors"] = LARGE
    served.stall_after = 9_000_000
    env = {**os.environ, "HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf")}
    with subprocess.Popen([sys.executable, "-c", _LOCATE, "owner/safe", "safetensors"], env=env) as fetching:
        assert served.stalled.wait(60)
        (blobs,) = (tmp_path / "hf").rglob("blobs")
        while not any(part.stat().st_size > 1_000_000 for part in blobs.glob("*.part")):
            time.sleep(0.05)
        fetching.kill()
    served.stall_after = None
    served.go_on.set()
    folder = _found(locate("owner/safe"))
    assert (folder / "large.safetensors").read_bytes() == LARGE
    assert _ranges(served)[-1] > 1_000_000


def test_two_that_want_the_same_file(served: Hub, tmp_path: Path) -> None:
    """One fetches it while the other waits, and both have it whole."""
    served.files["owner/safe"]["large.safetensors"] = LARGE
    served.stall_after = 9_000_000
    env = {**os.environ, "HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, "-u", "-c", _LOCATE, "owner/safe", "safetensors"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as first:
        assert served.stalled.wait(60)
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout
            assert second.stdout.readline().startswith("told fetching")
            time.sleep(1)  # for it to do what it should not
            served.go_on.set()
            outs = [process.communicate(timeout=250)[0] for process in (first, second)]
    folders = {_found(out.splitlines()) for out in outs}
    assert [(folder / "large.safetensors").read_bytes() for folder in folders] == [LARGE]
    assert len(_ranges(served)) == 2, "the first, and the rest of it"


def test_disk_that_is_full(locate: Locate, served: Hub, tmp_path: Path) -> None:
    """What cannot be kept is told in a sentence."""
    served.files["owner/safe"]["large.safetensors"] = LARGE
    blobs = tmp_path / "hf" / "hub" / "models--owner--safe" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(LARGE).hexdigest()}.part").symlink_to("/dev/full")
    lines = locate("owner/safe")
    assert lines[-1] == (
        f"StorageError {blobs}: large.safetensors of owner/safe cannot be kept here: No space left on device"
    )


def test_damaged_part_is_thrown_away(locate: Locate, served: Hub, tmp_path: Path) -> None:
    """What arrived is held against the hub's digest before anybody loads it."""
    served.files["owner/safe"]["large.safetensors"] = LARGE
    blobs = tmp_path / "hf" / "hub" / "models--owner--safe" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(LARGE).hexdigest()}.part").write_bytes(b"x" * 1000)
    lines = locate("owner/safe")
    assert lines[-1] == (
        "Unavailable large.safetensors of owner/safe arrived damaged and was thrown away: fetch it again"
    )
    assert (_found(locate("owner/safe")) / "large.safetensors").read_bytes() == LARGE


def test_one_gguf_of_a_repository(locate: Locate, served: Hub) -> None:
    """Of a GGUF repository only the wanted quantization is fetched, all of its parts."""
    four = _found(locate("owner/tiny-gguf:q4_k_m", "gguf"))
    assert four.read_bytes() == b"GGUF four"
    assert len(served.requests) == 1
    first = _found(locate("owner/tiny-gguf:Q8_0", "gguf"))
    assert first.name == "Tiny-Q8_0-00001-of-00002.gguf"
    assert first.with_name("Tiny-Q8_0-00002-of-00002.gguf").read_bytes() == b"GGUF eight more"
    lines = locate("owner/tiny-gguf:Q5_K", "gguf")
    assert lines[-1].endswith("write owner/tiny-gguf:QUANT with one of Q4_K_M, Q8_0")


def test_revision(locate: Locate) -> None:
    """A pinned revision is fetched as such, found again offline, and a wrong one is named."""
    folder = _found(locate(f"owner/safe@{COMMIT}"))
    assert folder.name == COMMIT
    assert _found(locate(f"owner/safe@{COMMIT}", HF_HUB_OFFLINE="1")) == folder
    assert locate("owner/safe@v9") == ["UsageError hub repository owner/safe has no revision 'v9'"]


def test_gated_repository(locate: Locate, served: Hub) -> None:
    """A gated repository says what to do; with a token it is fetched."""
    served.gated.add("owner/safe")
    lines = locate("owner/safe")
    assert lines[-1].startswith("UsageError owner/safe is gated: accept its terms on the hub, then log in")
    assert _found(locate("owner/safe", HF_TOKEN="hf_" + "a" * 34)).name == COMMIT


def test_what_there_is_not(locate: Locate) -> None:
    """A repository that does not exist, or holds no weights for the engine, is the user's mistake."""
    assert locate("owner/none")[-1].startswith("UsageError no hub repository owner/none, or no access to it")
    assert locate("owner/tiny-gguf")[-1] == (
        "UsageError hub repository owner/tiny-gguf has no safetensors: name one GGUF of it with repo:QUANT"
    )


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message says what to install."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(Unavailable, match=r"pip install 'pytest-llmbench\[hub\]'"):
        hub_folder(HubSource("owner/tiny"))
