"""What the builtin models are made of: two architectures of llama.cpp with random weights.

They say whole words and nothing else, and never stop by themselves, whatever the sampling. The first
number of the hidden state is a constant: embeddings set it, no layer writes to it, and the output row of
every token that must not be said weighs it heavily negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.models.gguf_file import MetadataValue, Tensor, TensorType, gguf_bytes
from pytest_llmbench.models.vocabulary import build_vocabulary
from pytest_llmbench.models.weights import constant_f32, f16, uniform_f16

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.models.vocabulary import Vocabulary

__all__ = ["GLM", "LLAMA", "Recipe", "build"]

_HIDDEN, _LAYERS, _HEADS, _KV_HEADS, _HEAD, _FEED_FORWARD = 256, 4, 4, 2, 64, 384
_CONTEXT = 16384
_FILE_TYPE_MOSTLY_F16 = 1
_CONSTANT, _FORBIDDEN = 0.25, -4096.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one builtin model differs from another.

    `rotary` is the number of dimensions of a head that carry position; projections lie in ±2**`spread`,
    wide enough that greedy decoding wanders instead of repeating one word. `bos` is None where the chat
    template spells the beginning itself. `fused_gate` says that gate and up projection are one tensor
    and that each sublayer's output is normalised, as in GLM-4.
    """

    name: str
    architecture: str
    pre_tokenizer: str
    special: tuple[str, ...]
    bos: str | None
    eos: str
    eot: str
    chat_template: str
    rotary: int
    spread: int
    fused_gate: bool


GLM = Recipe(
    name="tiny-glm",
    architecture="glm4",
    pre_tokenizer="glm4",
    special=(
        "<|endoftext|>",
        "[gMASK]",
        "<sop>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<|observation|>",
    ),
    bos=None,
    eos="<|endoftext|>",
    eot="<|endoftext|>",
    chat_template=(
        "[gMASK]<sop>{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    ),
    rotary=32,
    spread=-2,
    fused_gate=True,
)

LLAMA = Recipe(
    name="tiny-llama",
    architecture="llama",
    pre_tokenizer="llama-bpe",
    special=(
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ),
    bos="<|begin_of_text|>",
    eos="<|end_of_text|>",
    eot="<|eot_id|>",
    chat_template=(
        "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}"
        "<|end_header_id|>\n\n{{ message.content }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    ),
    rotary=64,
    spread=-3,
    fused_gate=False,
)


def build(recipe: Recipe) -> bytes:
    """Make the GGUF file: the same bytes at every call, on every machine."""
    vocabulary = build_vocabulary(recipe.special)
    return gguf_bytes(_metadata(recipe, vocabulary), list(_tensors(recipe, vocabulary)))


def _metadata(recipe: Recipe, vocabulary: Vocabulary) -> dict[str, MetadataValue]:
    numbers: dict[str, MetadataValue] = {
        "context_length": _CONTEXT,
        "embedding_length": _HIDDEN,
        "block_count": _LAYERS,
        "feed_forward_length": _FEED_FORWARD,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": _KV_HEADS,
        "attention.key_length": _HEAD,
        "attention.value_length": _HEAD,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": recipe.rotary,
        "rope.freq_base": 10000.0,
        "vocab_size": len(vocabulary.tokens),
    }
    tokenizer: dict[str, MetadataValue] = {
        "model": "gpt2",
        "pre": recipe.pre_tokenizer,
        "tokens": vocabulary.tokens,
        "token_type": vocabulary.types,
        "merges": vocabulary.merges,
        "add_bos_token": recipe.bos is not None,
        "eos_token_id": vocabulary.id_of(recipe.eos),
        "eot_token_id": vocabulary.id_of(recipe.eot),
        "padding_token_id": vocabulary.id_of(recipe.eos),
    }
    if recipe.bos is not None:
        tokenizer["bos_token_id"] = vocabulary.id_of(recipe.bos)
    return {
        "general.architecture": recipe.architecture,
        "general.name": recipe.name,
        "general.file_type": _FILE_TYPE_MOSTLY_F16,
        **{f"{recipe.architecture}.{key}": value for key, value in numbers.items()},
        **{f"tokenizer.ggml.{key}": value for key, value in tokenizer.items()},
        "tokenizer.chat_template": recipe.chat_template,
    }


def _tensors(recipe: Recipe, vocabulary: Vocabulary) -> Iterator[Tensor]:
    words = len(vocabulary.tokens)
    embedding = uniform_f16(f"{recipe.name} token_embd", words * _HIDDEN, -3)
    output = uniform_f16(f"{recipe.name} output", words * _HIDDEN, -3)
    row = 2 * _HIDDEN
    silent = f16(_FORBIDDEN) + bytes(row - 2)
    for token in range(words):
        start = token * row
        embedding[start : start + 2] = f16(_CONSTANT)
        if token in vocabulary.speakable:
            output[start : start + 2] = f16(0.0)
        else:
            output[start : start + row] = silent
    yield Tensor("token_embd.weight", (_HIDDEN, words), TensorType.F16, bytes(embedding))
    yield _norm("output_norm", 1.0)
    yield Tensor("output.weight", (_HIDDEN, words), TensorType.F16, bytes(output))
    for layer in range(_LAYERS):
        yield from _layer(recipe, f"blk.{layer}")


def _layer(recipe: Recipe, block: str) -> Iterator[Tensor]:
    def projection(name: str, inputs: int, outputs: int, *, spare_first: bool = False) -> Tensor:
        label = f"{block}.{name}"
        values = uniform_f16(f"{recipe.name} {label}", inputs * outputs, recipe.spread)
        if spare_first:  # the first output is the constant: this layer adds nothing to it
            values[: 2 * inputs] = bytes(2 * inputs)
        return Tensor(f"{label}.weight", (inputs, outputs), TensorType.F16, bytes(values))

    yield _norm(f"{block}.attn_norm", 1.0)
    yield projection("attn_q", _HIDDEN, _HEADS * _HEAD)
    yield projection("attn_k", _HIDDEN, _KV_HEADS * _HEAD)
    yield projection("attn_v", _HIDDEN, _KV_HEADS * _HEAD)
    yield projection("attn_output", _HEADS * _HEAD, _HIDDEN, spare_first=True)
    yield _norm(f"{block}.ffn_norm", 1.0)
    if recipe.fused_gate:
        # Small, or normalising would let eight sublayers drown the embeddings and the constant.
        yield _norm(f"{block}.post_attention_norm", 0.125)
        yield _norm(f"{block}.post_ffw_norm", 0.125)
        yield projection("ffn_up", _HIDDEN, 2 * _FEED_FORWARD)
    else:
        yield projection("ffn_gate", _HIDDEN, _FEED_FORWARD)
        yield projection("ffn_up", _HIDDEN, _FEED_FORWARD)
    yield projection("ffn_down", _FEED_FORWARD, _HIDDEN, spare_first=True)


def _norm(name: str, weight: float) -> Tensor:
    return Tensor(f"{name}.weight", (_HIDDEN,), TensorType.F32, constant_f32(weight, _HIDDEN))
