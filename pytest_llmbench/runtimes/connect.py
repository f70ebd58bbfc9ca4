"""HTTP clients for everything but measuring: readiness, facts, counting tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.server import Secret, Server

__all__ = ["http_client", "proxy_for", "server_http"]


def http_client(base_url: str, api_key: Secret | None = None, *, timeout: float = 30.0) -> httpx.Client:
    """Return a client that is to be closed, with the address and the key set; `timeout` in seconds.

    Proxies are those of `proxy_for`, as for the measuring client; certificates are those of the environment.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    secure = base_url.startswith("https:")
    return httpx.Client(
        base_url=base_url,
        headers=headers,
        timeout=timeout,
        proxy=proxy_for(base_url),
        trust_env=secure,
        verify=secure,  # reading certificates that nobody will show takes longer than most requests
    )


def proxy_for(base_url: str) -> str | None:
    """Return the proxy that the environment names for an address (HTTPS_PROXY, NO_PROXY), None for none.

    Plain HTTP goes straight to its address: nobody measures a server of his own through a proxy on purpose.
    """
    url = urlsplit(base_url)
    if url.scheme != "https" or proxy_bypass(url.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get("https") or proxies.get("all")


def server_http(server: Server, *, timeout: float = 30.0) -> httpx.Client:
    """Return a client for a running server; it is to be closed."""
    return http_client(server.base_url, server.api_key, timeout=timeout)
