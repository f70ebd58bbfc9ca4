"""llama.cpp's server arguments: their types, and where `xllamacpp` keeps each.

Names are those of `llama-server`, without dashes in front. What is not here would need a field the
embedded engine does not have, or belongs to this package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_llmbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.spec.deployment import ArgValue

__all__ = ["LLAMA_ARGS", "OURS", "Argument", "check_llama_args"]

Kind = Literal["an integer", "a number", "true or false", "text"]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument.

    Attributes:
        attribute: of `CommonParams`; a dot descends.
        choices: what may be written, and the member of the enumeration `enum` it stands for.
        inverted: the attribute says the opposite.
    """

    attribute: str
    kind: Kind
    enum: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    inverted: bool = False

    def accepts(self, value: ArgValue) -> bool:
        """Say whether a value has the right type and is one of the choices."""
        if self.choices:
            return _word(value) in self.choices
        if self.kind == "true or false":
            return isinstance(value, bool)
        if self.kind == "text":
            return isinstance(value, str)
        number = isinstance(value, int) or (self.kind == "a number" and isinstance(value, float))
        return number and not isinstance(value, bool)

    def setting(self, value: ArgValue) -> tuple[str, ArgValue, str]:
        """Return the attribute to set, its value, and of which enumeration that is a member, if of any."""
        if self.enum:
            return self.attribute, self.choices[_word(value)], self.enum
        return self.attribute, not value if self.inverted else value, ""

    @property
    def expected(self) -> str:
        """What a value must be, for messages."""
        return "one of " + ", ".join(self.choices) if self.choices else self.kind


def _word(value: ArgValue) -> str:
    # YAML reads a bare `on` as true.
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _int(attribute: str) -> Argument:
    return Argument(attribute, "an integer")


def _number(attribute: str) -> Argument:
    return Argument(attribute, "a number")


def _flag(attribute: str, *, inverted: bool = False) -> Argument:
    return Argument(attribute, "true or false", inverted=inverted)


def _text(attribute: str) -> Argument:
    return Argument(attribute, "text")


def _choice(attribute: str, enum: str, prefix: str, **choices: str) -> Argument:
    members = {word.replace("__", "-"): prefix + member for word, member in choices.items()}
    return Argument(attribute, "text", enum, members)


def _cache_type(attribute: str) -> Argument:
    types = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")
    return Argument(attribute, "text", "ggml_type", {name: f"GGML_TYPE_{name.upper()}" for name in types})


LLAMA_ARGS: Mapping[str, Argument] = {
    "batch-size": _int("n_batch"),
    "cache-prompt": _flag("cache_prompt"),
    "cache-ram": _int("cache_ram_mib"),
    "cache-reuse": _int("n_cache_reuse"),
    "cache-type-k": _cache_type("cache_type_k"),
    "cache-type-v": _cache_type("cache_type_v"),
    "chat-template": _text("chat_template"),
    "cont-batching": _flag("cont_batching"),
    "context-shift": _flag("ctx_shift"),
    "ctx-size": _int("n_ctx"),
    "flash-attn": _choice(
        "flash_attn_type",
        "llama_flash_attn_type",
        "LLAMA_FLASH_ATTN_TYPE_",
        on="ENABLED",
        off="DISABLED",
        auto="AUTO",
    ),
    "jinja": _flag("use_jinja"),
    "keep": _int("n_keep"),
    "kv-offload": _flag("no_kv_offload", inverted=True),
    "kv-unified": _flag("kv_unified"),
    "log-verbosity": _int("verbosity"),
    "main-gpu": _int("main_gpu"),
    "metrics": _flag("endpoint_metrics"),
    "min-p": _number("sampling.min_p"),
    "n-gpu-layers": _int("n_gpu_layers"),
    "numa": _choice(
        "numa",
        "ggml_numa_strategy",
        "GGML_NUMA_STRATEGY_",
        distribute="DISTRIBUTE",
        isolate="ISOLATE",
        numactl="NUMACTL",
    ),
    "op-offload": _flag("no_op_offload", inverted=True),
    "parallel": _int("n_parallel"),
    "poll": _int("cpuparams.poll"),
    "predict": _int("n_predict"),
    "reasoning-budget": _int("sampling.reasoning_budget_tokens"),
    "reasoning-format": _choice(
        "reasoning_format",
        "common_reasoning_format",
        "COMMON_REASONING_FORMAT_",
        none="NONE",
        auto="AUTO",
        deepseek="DEEPSEEK",
        deepseek__legacy="DEEPSEEK_LEGACY",
    ),
    "repack": _flag("no_extra_bufts", inverted=True),
    "rope-freq-base": _number("rope_freq_base"),
    "rope-freq-scale": _number("rope_freq_scale"),
    "rope-scaling": _choice(
        "rope_scaling_type",
        "llama_rope_scaling_type",
        "LLAMA_ROPE_SCALING_TYPE_",
        none="NONE",
        linear="LINEAR",
        yarn="YARN",
    ),
    "seed": _int("sampling.seed"),
    "slot-prompt-similarity": _number("slot_prompt_similarity"),
    "slots": _flag("endpoint_slots"),
    "split-mode": _choice(
        "split_mode", "llama_split_mode", "LLAMA_SPLIT_MODE_", none="NONE", layer="LAYER", row="ROW"
    ),
    "swa-full": _flag("swa_full"),
    "temp": _number("sampling.temp"),
    "threads": _int("cpuparams.n_threads"),
    "threads-batch": _int("cpuparams_batch.n_threads"),
    "threads-http": _int("n_threads_http"),
    "top-k": _int("sampling.top_k"),
    "top-p": _number("sampling.top_p"),
    "ubatch-size": _int("n_ubatch"),
    "warmup": _flag("warmup"),
    "yarn-orig-ctx": _int("yarn_orig_ctx"),
}

OURS = frozenset({"alias", "api-key", "host", "model", "port"})
"""Arguments this package chooses itself: a server is known by them."""


def check_llama_args(args: Mapping[str, ArgValue]) -> None:
    """Reject what llama.cpp does not know or would misread.

    Raises:
        UsageError: naming the argument and the nearest valid one, or what its value must be.
    """
    for name, value in args.items():
        if name in OURS:
            message = f"argument '{name}' of backend llama is chosen by this package: remove it"
            raise UsageError(message)
        argument = LLAMA_ARGS.get(name)
        if argument is None:
            message = f"unknown argument '{name}' of backend llama: {nearest(name, LLAMA_ARGS, n=1)}"
            raise UsageError(message)
        if not argument.accepts(value):
            message = f"argument '{name}' of backend llama must be {argument.expected}, not {value!r}"
            raise UsageError(message)
