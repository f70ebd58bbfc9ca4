from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gguf
import pytest

from pytest_llmbench.errors import StorageError, UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.models.facts import ModelFacts, config_facts, gguf_facts, read_facts

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.models.gguf_header import HeaderValue

# The telling keys of real config.json files.
DENSE = {
    "architectures": ["Qwen3ForCausalLM"],
    "head_dim": 128,
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "max_position_embeddings": 40960,
    "num_attention_heads": 32,
    "num_hidden_layers": 36,
    "num_key_value_heads": 8,
    "torch_dtype": "bfloat16",
    "vocab_size": 151936,
}
MIXTURE = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "max_position_embeddings": 163840,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "num_attention_heads": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 61,
    "num_key_value_heads": 128,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "torch_dtype": "bfloat16",
    "vocab_size": 129280,
}
SEEING = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "text_config": {"hidden_size": 2560, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256},
    "vision_config": {"hidden_size": 1152, "num_attention_heads": 16},
}


def test_dense_model() -> None:
    """A dense model has no experts, and no quantization unless it says so."""
    assert config_facts(DENSE, weight_bytes=16) == ModelFacts(
        format="safetensors",
        architecture="Qwen3ForCausalLM",
        layers=36,
        hidden=4096,
        intermediate=12288,
        heads=32,
        kv_heads=8,
        head_size=128,
        context=40960,
        vocabulary=151936,
        dtype="bfloat16",
        weight_bytes=16,
    )


def test_mixture_of_experts() -> None:
    """Experts are told whatever their family calls them, and how the weights are quantized."""
    facts = config_facts(MIXTURE)
    assert (facts.experts, facts.active_experts, facts.expert_intermediate) == (256, 8, 2048)
    assert facts.quantization == "fp8"
    assert facts.head_size == 56
    assert config_facts({"num_local_experts": 32, "experts_per_token": 4}).active_experts == 4


def test_model_that_also_sees() -> None:
    """What holds is the language part, not the vision part."""
    facts = config_facts(SEEING)
    assert (facts.heads, facts.kv_heads, facts.head_size, facts.hidden) == (8, 4, 256, 2560)


def test_attention_without_groups() -> None:
    """Where no number of KV heads is stated, every head has its own."""
    assert config_facts({"n_head": 12, "n_embd": 768}).kv_heads == 12


def test_builtin_model(cache: Path) -> None:
    """A real GGUF file tells all of it, and its size."""
    path = locate("builtin:tiny-llama")
    assert cache in path.parents
    facts = read_facts(path)
    assert facts is not None
    assert (facts.format, facts.architecture, facts.quantization, facts.dtype) == (
        "gguf",
        "llama",
        None,
        "F16",
    )
    assert facts.weight_bytes == path.stat().st_size
    reader = gguf.GGUFReader(path)

    def stated(key: str) -> object:
        return reader.fields[f"llama.{key}"].contents()

    assert facts.layers == stated("block_count")
    assert facts.hidden == stated("embedding_length")
    assert facts.intermediate == stated("feed_forward_length")
    assert facts.heads == stated("attention.head_count")
    assert facts.kv_heads == stated("attention.head_count_kv")
    assert facts.head_size == stated("attention.key_length")
    assert facts.context == stated("context_length")
    assert facts.vocabulary == stated("vocab_size")


def test_layers_that_differ() -> None:
    """Of an array over layers the largest value counts; without a size the vocabulary is counted."""
    header: dict[str, HeaderValue] = {
        "general.architecture": "x",
        "x.attention.head_count": (8, 0, 16),
        "x.attention.head_count_kv": (4, 0, 2),
        "tokenizer.ggml.tokens#": 32000,
    }
    facts = gguf_facts(header)
    assert (facts.heads, facts.kv_heads, facts.vocabulary) == (16, 4, 32000)


@pytest.mark.parametrize("kind", [kind for kind in gguf.LlamaFileType if kind.value <= 39])
def test_file_types_are_those_of_the_format(kind: gguf.LlamaFileType) -> None:
    """Every file type is named as the reference names it, guessed or not."""
    name = kind.name.removeprefix("MOSTLY_").removeprefix("ALL_")
    for number in (kind.value, kind.value | gguf.LlamaFileType.GUESSED.value):
        facts = gguf_facts({"general.file_type": number})
        assert name in {facts.quantization, facts.dtype}


def test_folder(tmp_path: Path) -> None:
    """Of a folder, `config.json` is read and the weight files are added up; without one nothing is known."""
    assert read_facts(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps(DENSE))
    for number in (1, 2):
        (tmp_path / f"model-{number}.safetensors").write_bytes(bytes(100))
    facts = read_facts(tmp_path)
    assert facts is not None
    assert facts.weight_bytes == 200


@pytest.mark.parametrize("text", ["{", "[]"])
def test_folder_with_a_broken_config(tmp_path: Path, text: str) -> None:
    """A `config.json` that is none is named."""
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(StorageError, match=r"config\.json: (is no JSON|holds no JSON object)"):
        read_facts(tmp_path)


def test_split_model(tmp_path: Path, cache: Path) -> None:
    """The size of a split model is that of all its parts, and a missing part is named."""
    whole = locate("builtin:tiny-glm")
    assert cache in whole.parents
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(whole.read_bytes())
    with pytest.raises(UsageError, match=r"one of 2 parts, and m-00002-of-00002\.gguf is not beside it"):
        read_facts(first)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(bytes(7))
    facts = read_facts(first)
    assert facts is not None
    assert facts.weight_bytes == whole.stat().st_size + 7
