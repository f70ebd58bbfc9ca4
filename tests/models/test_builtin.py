from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import gguf
import pytest

from pytest_llmbench.errors import StorageError, UsageError
from pytest_llmbench.models import builtin
from pytest_llmbench.models.builtin import BUILTINS, DIGESTS, builtin_path
from pytest_llmbench.models.recipes import build

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(BUILTINS)

# Another process builds a model, as two test workers would.
BUILD = (
    "import sys; from pytest_llmbench.models.builtin import builtin_path; print(builtin_path(sys.argv[1]))"
)


def digest_of(path: Path) -> str:
    """Return the digest of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_pinned(name: str) -> None:
    """A recipe makes the very bytes its digest was taken from."""
    assert hashlib.sha256(build(BUILTINS[name])).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_size_is_small(name: str) -> None:
    """A builtin model stays between 5 and 7 MB."""
    assert 5_000_000 < len(build(BUILTINS[name])) < 7_000_000


@pytest.mark.parametrize("name", NAMES)
def test_reader_agrees(name: str, cache: Path) -> None:
    """The reference reader finds the metadata and every tensor where they are said to be."""
    path = builtin_path(name)
    assert path.is_relative_to(cache)
    reader = gguf.GGUFReader(path)
    assert reader.fields["general.name"].contents() == name
    assert reader.fields[f"{BUILTINS[name].architecture}.context_length"].contents() >= 16384
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert len(tensors) == len(reader.tensors)
    tokens = len(reader.fields["tokenizer.ggml.tokens"].contents())
    assert tensors["token_embd.weight"].data.shape == (tokens, 256)
    assert abs(tensors["blk.0.attn_q.weight"].data).max() <= 2 ** BUILTINS[name].spread


def test_file_is_made_once(cache: Path) -> None:
    """The second call takes the file of the first."""
    first = builtin_path("tiny-glm")
    made = first.stat().st_mtime_ns
    assert builtin_path("tiny-glm") == first
    assert first.stat().st_mtime_ns == made
    assert [path.name for path in (cache / "models").iterdir()] == [first.name]


@pytest.mark.parametrize("damage", [b"", b"GGUF", b"\0" * 100])
def test_damaged_file_is_made_again(cache: Path, damage: bytes) -> None:
    """A truncated or overwritten cache file is replaced by a good one."""
    path = builtin_path("tiny-llama")
    path.write_bytes(damage)
    assert builtin_path("tiny-llama") == path
    assert digest_of(path) == DIGESTS["tiny-llama"]
    assert path.is_relative_to(cache)


def test_one_changed_bit_is_noticed(cache: Path) -> None:
    """Damage that keeps the size is noticed too."""
    path = builtin_path("tiny-glm")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    builtin_path("tiny-glm")
    assert digest_of(path) == DIGESTS["tiny-glm"]
    assert path.is_relative_to(cache)


def test_two_processes_build_at_once(cache: Path) -> None:
    """Processes that build the same model at the same time all get the whole file, and leave one."""
    workers = [
        subprocess.Popen([sys.executable, "-c", BUILD, "tiny-glm"], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {worker.communicate(timeout=200)[0].strip() for worker in workers}
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    (path,) = (cache / "models").iterdir()
    assert answers == {str(path)}
    assert digest_of(path) == DIGESTS["tiny-glm"]


def test_full_disk_names_the_file(cache: Path) -> None:
    """Where the file cannot be written whole, the error names it and no part of it stays."""
    limited = (
        "import resource, sys\n"
        "from pytest_llmbench.errors import StorageError\n"
        "from pytest_llmbench.models.builtin import builtin_path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "try: builtin_path('tiny-glm')\n"
        "except StorageError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
        env=os.environ,
    )
    assert str(cache / "models" / "tiny-glm-") in done.stdout
    assert "File too large" in done.stdout
    assert list((cache / "models").iterdir()) == []


def test_unusable_cache_directory_names_the_file(cache: Path) -> None:
    """A cache directory that cannot be made is a storage error as well."""
    cache.write_text("a file where a directory should be")
    with pytest.raises(StorageError, match=r"cache/models: cannot create this folder: "):
        builtin_path("tiny-glm")


def test_unknown_name_suggests_one() -> None:
    """A misspelt builtin model is answered with the nearest."""
    with pytest.raises(UsageError, match=r"no builtin model is named 'tiny-gml': did you mean 'tiny-glm'"):
        builtin_path("tiny-gml")


def test_recipe_that_makes_other_bytes_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not match the pinned digest is never written."""
    monkeypatch.setattr(builtin, "build", lambda _recipe: b"something else")
    with pytest.raises(StorageError, match="is expected"):
        builtin_path("tiny-glm")
    assert not cache.exists()
