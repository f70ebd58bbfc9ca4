from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import StorageError, Unavailable, UsageError
from pytest_llmbench.evals.data import DataFile, EvalData

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = b'{"key": 1}\n\n{"key": 2}\n'
FILE = DataFile(
    "set/*input.jsonl", "https://huggingface.co/datasets/a/b/in.jsonl", hashlib.sha256(DATA).hexdigest()
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run a hub, and give the file that it has."""
    folder = tmp_path / "hub" / "datasets" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "in.jsonl").write_bytes(DATA)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "hub")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield folder / "in.jsonl"
    server.shutdown()
    thread.join()
    server.server_close()


def test_is_fetched_once_and_verified(hub: Path, tmp_path: Path) -> None:
    """Then it is in the cache; damaged there, it is fetched again."""
    assert EvalData().rows(FILE) == [{"key": 1}, {"key": 2}]
    (cached,) = (tmp_path / "cache" / "data").iterdir()
    assert cached.name == f"{FILE.sha256[:12]}-in.jsonl"
    hub.unlink()
    assert len(EvalData().rows(FILE)) == 2
    cached.write_bytes(b"{}")
    hub.write_bytes(DATA)
    assert len(EvalData().rows(FILE)) == 2


def test_another_file_than_the_published_one_is_refused(hub: Path, tmp_path: Path) -> None:
    """And does not get into the cache."""
    hub.write_bytes(DATA + b"{}\n")
    with pytest.raises(StorageError, match=f"is not the published file: .* not {FILE.sha256}"):
        EvalData().rows(FILE)
    assert not (tmp_path / "cache" / "data").exists()


def test_offline_says_what_to_do(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the user forbids it, or the network."""
    hub.unlink()
    with pytest.raises(Unavailable, match=r"cannot be fetched \(HTTP 404\): .* give --bench-data-dir=FOLDER"):
        EvalData().rows(FILE)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unavailable, match="which HF_HUB_OFFLINE forbids"):
        EvalData().rows(FILE)


def test_a_folder_of_ones_own_is_taken_instead(tmp_path: Path) -> None:
    """As it is, and nothing else is tried."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "ifeval_input.jsonl").write_text('{"key": 7}', encoding="utf-8")
    assert EvalData(tmp_path).rows(FILE) == [{"key": 7}]
    other = DataFile("other.jsonl", FILE.url, FILE.sha256)
    with pytest.raises(UsageError, match=r"--bench-data-dir: .* has no other\.jsonl"):
        EvalData(tmp_path).rows(other)
    assert EvalData(tmp_path).nltk is None
    (tmp_path / "nltk_data").mkdir()
    assert EvalData(tmp_path).nltk == tmp_path / "nltk_data"


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"key": 1}\n{"key":\n', "line 2 is not JSON"), ("[1]\n", "line 1 is no JSON object")],
)
def test_names_the_line_that_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    """In whatever file."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "input.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(StorageError, match=rf"input\.jsonl: {told}"):
        EvalData(tmp_path).rows(FILE)
