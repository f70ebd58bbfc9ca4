"""The engines: one module each behind one Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.ik_llama import IkLlama
from pytest_llmbench.backends.llama import Llama
from pytest_llmbench.backends.openai import OpenAI
from pytest_llmbench.backends.sglang import SGLang
from pytest_llmbench.backends.trtllm import TRTLLM
from pytest_llmbench.backends.vllm import VLLM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.backends.base import Backend
    from pytest_llmbench.runtimes.server import Server

__all__ = ["BACKENDS", "backend_of"]

_ALL: tuple[Backend, ...] = (Llama(), IkLlama(), VLLM(), SGLang(), TRTLLM(), OpenAI())

BACKENDS: Mapping[str, Backend] = {backend.name: backend for backend in _ALL}
"""Every engine by its name in the configuration."""


def backend_of(server: Server) -> Backend:
    """Return the engine to talk to a running server as.

    The deployment's, or, where that is only `openai`, the one that was recognised at the address.
    """
    name = server.deployment.backend
    recognised = server.facts.get("engine")
    if name == OpenAI.name and isinstance(recognised, str):
        name = recognised
    return BACKENDS[name]
