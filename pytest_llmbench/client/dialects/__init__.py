"""The stream dialects, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.client.dialects.anthropic_messages import AnthropicMessages
from pytest_llmbench.client.dialects.base import Ask, Delta, Dialect, Timings, Usage
from pytest_llmbench.client.dialects.llama_completion import LlamaCompletion
from pytest_llmbench.client.dialects.openai_chat import OpenAIChat
from pytest_llmbench.client.dialects.openai_completions import OpenAICompletions
from pytest_llmbench.client.dialects.openai_responses import OpenAIResponses
from pytest_llmbench.client.dialects.sglang_generate import SGLangGenerate, SGLangGenerateIncremental

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECTS", "Ask", "Delta", "Dialect", "Timings", "Usage"]

_ALL: tuple[Dialect, ...] = (
    OpenAIChat(),
    OpenAICompletions(),
    OpenAIResponses(),
    AnthropicMessages(),
    LlamaCompletion(),
    SGLangGenerate(),
    SGLangGenerateIncremental(),
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in _ALL})
