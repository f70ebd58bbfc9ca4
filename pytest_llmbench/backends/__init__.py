"""The engines: one module each behind one Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.ik_llama import IkLlama
from pytest_llmbench.backends.llama import Llama
from pytest_llmbench.backends.openai import OpenAI
from pytest_llmbench.backends.sglang import SGLang
from pytest_llmbench.backends.trtllm import TRTLLM
from pytest_llmbench.backends.vllm import VLLM
from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmbench.backends.base import Backend
    from pytest_llmbench.runtimes.server import Server

__all__ = ["BACKENDS", "backend_of", "set_added"]

_ALL: tuple[Backend, ...] = (Llama(), IkLlama(), VLLM(), SGLang(), TRTLLM(), OpenAI())

_BUILT_IN: Mapping[str, Backend] = {backend.name: backend for backend in _ALL}
_KNOWN: dict[str, Backend] = dict(_BUILT_IN)

BACKENDS: Mapping[str, Backend] = _KNOWN
"""Every engine by its name in the configuration."""


def set_added(backends: Iterable[Backend]) -> None:
    """Know these engines beside the built-in ones, and none that were added before.

    Raises:
        UsageError: a name is taken.
    """
    for name in _KNOWN.keys() - _BUILT_IN.keys():
        del _KNOWN[name]
    for backend in backends:
        if backend.name in _KNOWN:
            message = f"two engines are called {backend.name!r}: a hook's must have a name of its own"
            raise UsageError(message)
        _KNOWN[backend.name] = backend


def backend_of(server: Server) -> Backend:
    """Return the engine to talk to a running server as.

    The deployment's, or, where that is only `openai`, the one that was recognised at the address.
    """
    name = server.deployment.backend
    recognised = server.facts.get("engine")
    if name == OpenAI.name and isinstance(recognised, str):
        name = recognised
    return BACKENDS[name]
