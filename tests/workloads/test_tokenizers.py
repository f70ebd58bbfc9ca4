"""Counting what a server did not, with tokenizers made up here."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client.trace import Failure
from pytest_llmbench.workloads.tokenizers import count_missing_tokens, find_tokenizer, load_tokenizer
from tests.metrics.traces import chunks_at, make_trace

if TYPE_CHECKING:
    from pathlib import Path

REPO = "models--owner--name"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty hub cache."""
    for name in ("HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub"


def _write(path: Path) -> Path:
    """Write a tokenizer for which every word is a token, and which puts one before a prompt."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"<s>": 0, "<unk>": 1, "a": 2, "b": 3}, unk_token="<unk>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    path.mkdir(parents=True, exist_ok=True)
    made.save(str(path / "tokenizer.json"))
    return path / "tokenizer.json"


def _snapshot(hub: Path, revision: str) -> Path:
    path = hub / REPO / "snapshots" / revision / "tokenizer.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    return path


def test_counts(tmp_path: Path) -> None:
    """Words are counted as the model would, with what it wants around a prompt only on demand."""
    _write(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    assert tokenizer
    assert tokenizer.count("a b a") == 3
    assert tokenizer.count("a b a", special=True) == 4


def test_beside_the_model(tmp_path: Path) -> None:
    """The tokenizer is in the model's directory, or beside its file."""
    assert find_tokenizer(str(tmp_path)) is None
    path = _write(tmp_path)
    (tmp_path / "model.gguf").touch()
    assert find_tokenizer(str(tmp_path)) == path
    assert find_tokenizer(str(tmp_path / "model.gguf")) == path


def test_main_branch_in_the_cache(hub: Path) -> None:
    """Of several snapshots in the hub's cache, the main branch's is taken, whatever the quantization."""
    old = _snapshot(hub, "old")
    _snapshot(hub, "new")
    os.utime(old.parent, (1, 1))
    (hub / REPO / "refs").mkdir()
    (hub / REPO / "refs" / "main").write_text("old\n")
    assert find_tokenizer("owner/name") == old
    assert find_tokenizer("owner/name:Q4_K_M") == old


def test_newest_in_the_cache(hub: Path) -> None:
    """Without a main branch, or without a tokenizer in it, the newest snapshot that has one is taken."""
    old, new = _snapshot(hub, "old"), _snapshot(hub, "new")
    os.utime(old.parent, (1, 1))
    (hub / REPO / "refs").mkdir()
    (hub / REPO / "refs" / "main").write_text("gone")
    assert find_tokenizer("owner/name") == new


def test_where_the_cache_is(tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of the hub's own package say where its cache is."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    chosen = _snapshot(tmp_path / "cache", "r")
    assert find_tokenizer("owner/name") == chosen
    monkeypatch.delenv("HF_HUB_CACHE")
    assert find_tokenizer("owner/name") is None
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(hub))
    assert find_tokenizer("owner/name") is None
    assert find_tokenizer("owner/name") != _snapshot(hub / "huggingface" / "hub", "r").parent
    assert find_tokenizer("owner/name") == hub / "huggingface/hub" / REPO / "snapshots/r/tokenizer.json"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    "source", ["builtin:tiny-glm", "m", "", "/no/such", "./no/such", "~/no-such", "a/b/c"]
)
def test_no_tokenizer(source: str) -> None:
    """What is no model with a tokenizer on this host has none; nothing is fetched."""
    assert load_tokenizer(source) is None


def test_broken_file(tmp_path: Path) -> None:
    """A file that is no tokenizer counts nothing."""
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text("{}")
    assert load_tokenizer(str(tmp_path)) is None


def test_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional package nothing is counted."""
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert load_tokenizer(str(tmp_path)) is None


class _Words:
    def count(self, text: str, *, special: bool = False) -> int:
        return len(text.split()) + special


def test_missing_counts() -> None:
    """Replies without counts get them, and prompts that no template surrounds; chunks get none."""
    trace = make_trace(chunks_at(1, 2), index=1, prompt_tokens=None, output_tokens=None, text="a b c")
    count_missing_tokens([trace], ["x", "y z"], _Words())
    assert (trace.prompt_tokens, trace.output_tokens, trace.token_source) == (3, 3, "tokenizer")
    assert trace.text is None
    assert [chunk.tokens for chunk in trace.chunks] == [None, None]


def test_prompts_in_a_template_are_not_counted() -> None:
    """The server's template is not known here, so neither is the prompt's length."""
    trace = make_trace(chunks_at(1), prompt_tokens=None, output_tokens=None, text="a b")
    count_missing_tokens([trace], None, _Words())
    assert (trace.prompt_tokens, trace.output_tokens) == (None, 2)


def test_counts_of_the_server_stay() -> None:
    """What the server counted is never counted again."""
    counted = make_trace(chunks_at(1), output_tokens=7, token_source="usage", text="a")
    failed = make_trace(output_tokens=None, failure=Failure("truncated", ""), text=None)
    count_missing_tokens([counted, failed], ["x"], _Words())
    assert (counted.output_tokens, counted.token_source, counted.text) == (7, "usage", None)
    assert failed.output_tokens is None


def test_without_a_tokenizer() -> None:
    """Without a tokenizer tokens stay unknown, and the text is let go all the same."""
    trace = make_trace(chunks_at(1), output_tokens=None, text="a")
    count_missing_tokens([trace], ["x"], None)
    assert (trace.output_tokens, trace.token_source, trace.text) == (None, None, None)
