"""Any server that speaks the OpenAI protocol and already runs."""

from __future__ import annotations

from pytest_llmbench.backends.generic import GenericBackend

__all__ = ["OpenAI"]


class OpenAI(GenericBackend):
    """Nothing is assumed: no field beyond the protocol is sent, and requests may end before `max_tokens`."""
