"""What weights say about themselves: `config.json` of a folder, or the metadata of a GGUF file.

Reads small things only, and only from this host: fit for deciding what cannot run before anything starts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import StorageError
from pytest_llmbench.models.gguf_header import read_gguf_header
from pytest_llmbench.models.shards import shards_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.models.gguf_header import HeaderValue

__all__ = ["ModelFacts", "config_facts", "gguf_facts", "read_facts"]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model is made of; None where the files do not say.

    Attributes:
        format: of the weights.
        architecture: a class of transformers (`Qwen3ForCausalLM`), or llama.cpp's word (`qwen3`).
        layers, hidden, intermediate: blocks, and the sizes of a token's state and of the feed-forward part.
        heads, kv_heads, head_size: of attention. Tensor parallelism must divide `heads`, and share out or
            repeat `kv_heads`.
        experts, active_experts: of a mixture, in all and a token; None for a dense model.
        expert_intermediate: size of one expert's feed-forward part.
        context: longest sequence (tokens) the model was made for.
        quantization: of the weights: `fp8`, `awq`, `Q4_K_M`; None if they are stored as they were trained.
        dtype: type the other weights are stored in.
        weight_bytes: size of the weight files.
    """

    format: str
    architecture: str | None = None
    layers: int | None = None
    hidden: int | None = None
    intermediate: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    experts: int | None = None
    active_experts: int | None = None
    expert_intermediate: int | None = None
    context: int | None = None
    vocabulary: int | None = None
    quantization: str | None = None
    dtype: str | None = None
    weight_bytes: int | None = None


def read_facts(weights: Path) -> ModelFacts | None:
    """Return the facts of a GGUF file (the first, of a split one) or of a folder with a `config.json`.

    None if there is neither.

    Raises:
        StorageError: the file is there and cannot be understood; names it.
    """
    if weights.is_file():
        size = sum(shard.stat().st_size for shard in shards_of(weights))
        return gguf_facts(read_gguf_header(weights), weight_bytes=size)
    file = weights / "config.json"
    if not file.is_file():
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise StorageError(message, file=file) from error
    except ValueError as error:
        message = f"is no JSON: {error}"
        raise StorageError(message, file=file) from error
    if not isinstance(config, dict):
        message = "holds no JSON object"
        raise StorageError(message, file=file)
    sizes = [path.stat().st_size for path in weights.glob("*.safetensors") if path.exists()]
    return config_facts(config, weight_bytes=sum(sizes) or None)


def config_facts(config: Mapping[str, Any], *, weight_bytes: int | None = None) -> ModelFacts:
    """Take the facts out of the contents of a `config.json`.

    A model that also sees or hears has those of its language part in `text_config`.
    """
    nested = config.get("text_config")
    text = {**config, **nested} if isinstance(nested, dict) else config
    heads = _first(text, "num_attention_heads", "n_head")
    hidden = _first(text, "hidden_size", "n_embd")
    head_size = _first(text, "head_dim") or (hidden // heads if hidden and heads else None)
    architectures = config.get("architectures")
    return ModelFacts(
        format="safetensors",
        architecture=str(architectures[0]) if isinstance(architectures, list) and architectures else None,
        layers=_first(text, "num_hidden_layers", "n_layer"),
        hidden=hidden,
        intermediate=_first(text, "intermediate_size", "ffn_dim", "n_inner"),
        heads=heads,
        kv_heads=_first(text, "num_key_value_heads", "num_kv_heads") or heads,
        head_size=head_size,
        experts=_first(text, "n_routed_experts", "num_local_experts", "num_experts"),
        active_experts=_first(text, "num_experts_per_tok", "experts_per_token"),
        expert_intermediate=_first(text, "moe_intermediate_size"),
        context=_first(text, "max_position_embeddings", "n_positions", "max_seq_len"),
        vocabulary=_first(text, "vocab_size"),
        quantization=_quantization(config),
        dtype=_text(text, "dtype", "torch_dtype"),
        weight_bytes=weight_bytes,
    )


def gguf_facts(header: Mapping[str, HeaderValue], *, weight_bytes: int | None = None) -> ModelFacts:
    """Take the facts out of a GGUF file's metadata. What differs between layers is told by its largest."""
    architecture = header.get("general.architecture")

    def number(key: str) -> int | None:
        value = header.get(f"{architecture}.{key}")
        if isinstance(value, tuple):
            value = max(value, default=0)
        return int(value) if isinstance(value, (int, float)) and value else None

    heads, hidden = number("attention.head_count"), number("embedding_length")
    head_size = number("attention.key_length") or (hidden // heads if hidden and heads else None)
    tokens = header.get("tokenizer.ggml.tokens#")
    file_type = header.get("general.file_type")
    name = _FILE_TYPES.get(file_type & ~_GUESSED) if isinstance(file_type, int) else None
    return ModelFacts(
        format="gguf",
        architecture=str(architecture) if architecture else None,
        layers=number("block_count"),
        hidden=hidden,
        intermediate=number("feed_forward_length"),
        heads=heads,
        kv_heads=number("attention.head_count_kv") or heads,
        head_size=head_size,
        experts=number("expert_count"),
        active_experts=number("expert_used_count"),
        expert_intermediate=number("expert_feed_forward_length"),
        context=number("context_length"),
        vocabulary=number("vocab_size") or (tokens if isinstance(tokens, int) else None),
        quantization=None if name in _PLAIN else name,
        dtype=name if name in _PLAIN else None,
        weight_bytes=weight_bytes,
    )


def _first(source: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these that is a number above zero."""
    for name in names:
        value = source.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _text(source: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := source.get(name), str)), None)


def _quantization(config: Mapping[str, Any]) -> str | None:
    stated = config.get("quantization_config") or config.get("compression_config")
    return _text(stated, "quant_method", "quant_algo") if isinstance(stated, dict) else None


_GUESSED = 1024
_PLAIN = frozenset({"F32", "F16", "BF16"})
_FILE_TYPES: Mapping[int, str] = dict(
    pair
    for start, names in (
        (0, "F32 F16 Q4_0 Q4_1"),
        (7, "Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS IQ2_XS"),
        (21, "Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16"),
        (36, "TQ1_0 TQ2_0 MXFP4_MOE NVFP4"),
    )
    for pair in enumerate(names.split(), start)
)
"""llama.cpp's `general.file_type`."""
