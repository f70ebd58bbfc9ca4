"""A workload: what is asked of a server."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pytest_llmbench.spec.base import Spec

__all__ = ["Endpoint", "Workload"]

Endpoint = Literal["chat", "completions", "native", "responses", "messages"]
"""Which API is asked: OpenAI's chat completions, text completions or Responses, the engine's own (`native`),
or Anthropic's Messages. Not every engine has every one."""


class Workload(Spec):
    """Prompts, lengths and sampling.

    Either `prompts` (texts, taken in turn, each behind a short salt) or `in` (exact prompt tokens,
    chat template included).

    Lengths are in tokens. Every request asks for exactly `out` tokens where the engine can be told to
    ignore the end-of-sequence token.
    """

    id: str
    description: str = ""
    prompts: tuple[str, ...] = ()
    input_tokens: int | None = Field(default=None, alias="in", ge=1)
    output_tokens: int = Field(alias="out", ge=1)
    endpoint: Endpoint = "chat"
    temperature: float = Field(default=0.0, ge=0)
    seed: int = 0
    """From which prompts are drawn; replicates add to it."""

    @model_validator(mode="after")
    def _one_source_of_prompts(self) -> Workload:
        if bool(self.prompts) == (self.input_tokens is not None):
            message = "give one of 'prompts' and 'in' (exact prompt tokens)"
            raise ValueError(message)
        return self
