"""What tests of a real vLLM share; `scripts/test-vllm` sets up what they need."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.server_watch import ServerWatch

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.base import RunningServer
    from pytest_llmbench.telemetry.prometheus import Difference

VLLM = os.environ.get("LLMBENCH_VLLM", "")
"""Its program; beside it is a Python that has it."""
IMAGE = os.environ.get("LLMBENCH_VLLM_IMAGE", "")
"""An image that has the same."""

ARGS = (("enforce-eager", True), ("max-model-len", 4096))
ENV = (("VLLM_CPU_KVCACHE_SPACE", "1"), ("VLLM_TARGET_DEVICE", "cpu"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything here where there is no vLLM."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not VLLM:
            item.add_marker(pytest.mark.skip(reason="needs vLLM: run scripts/test-vllm"))


# Two layers of random weights; every byte is a token.
_MODEL = """
import sys, torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
vocab = {b: i for i, b in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
for word in ("<unk>", "<s>", "</s>"):
    vocab[word] = len(vocab)
tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
fast.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\\n{% endfor %}assistant: "
fast.save_pretrained(sys.argv[1])
torch.manual_seed(0)
config = LlamaConfig(vocab_size=len(vocab), hidden_size=256, intermediate_size=512, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, head_dim=64, max_position_embeddings=8192,
    bos_token_id=vocab["<s>"], eos_token_id=vocab["</s>"])
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
"""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a small model."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    python = Path(VLLM).with_name("python")
    subprocess.run([python, "-c", _MODEL, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def context(tmp_path: Path) -> StartContext:
    """A context with its log."""
    return StartContext(tmp_path / "server.log", total_timeout=500)


def ask(running: RunningServer, prompt: str, tokens: int = 32) -> dict[str, int]:
    """Have so many tokens generated, and return what the server counted."""
    asked = {
        "model": running.server.served_model,
        "prompt": prompt,
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
    }
    with server_http(running.server, timeout=400) as http:  # it may compile first
        usage: dict[str, int] = http.post("/v1/completions", json=asked).raise_for_status().json()["usage"]
    return usage


def told_by(running: RunningServer) -> Difference:
    """Hold a server with a key to refusing strangers and to the model's facts, and ask it twice the same.

    Return what its metrics tell of that.
    """
    refused = httpx.get(f"{running.server.base_url}/v1/models")
    assert refused.status_code == httpx.codes.UNAUTHORIZED
    facts = running.server.facts
    assert facts["context_length"] == 4096
    assert facts["architecture"] == "LlamaForCausalLM"
    assert int(str(facts["kv_capacity"])) > 100_000
    watch = ServerWatch(running.server)
    watch.begin()
    for _ in range(2):
        assert ask(running, "the same prompt " * 100)["completion_tokens"] == 32
    told = watch.end()
    assert 0.3 < told.scalars["cache_hit_rate"] < 0.5
    return told
