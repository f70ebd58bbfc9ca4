"""HTTP clients for everything but measuring: readiness, facts, counting tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.server import Secret, Server

__all__ = ["http_client", "server_http"]


def http_client(base_url: str, api_key: Secret | None = None, *, timeout: float = 30.0) -> httpx.Client:
    """Return a client that is to be closed, with the address and the key set; `timeout` in seconds.

    Plain HTTP goes straight to the address, as the measuring client does, whatever proxy the environment
    names; HTTPS takes proxies and certificates from the environment.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx.Client(
        base_url=base_url, headers=headers, timeout=timeout, trust_env=base_url.startswith("https:")
    )


def server_http(server: Server, *, timeout: float = 30.0) -> httpx.Client:
    """Return a client for a running server; it is to be closed."""
    return http_client(server.base_url, server.api_key, timeout=timeout)
