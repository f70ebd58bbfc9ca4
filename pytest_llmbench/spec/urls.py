"""Addresses of servers that already run, and names made from them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["safe_id", "server_name", "server_url"]


def server_url(text: str) -> str:
    """Return the base URL of a server: without `/v1`, without a trailing slash.

    Raises:
        ValueError: no http(s) scheme, no host, an impossible port, credentials, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        message = f"not a URL: {error}"
        raise ValueError(message) from error
    if parts.scheme not in {"http", "https"}:
        message = "a server's URL begins with http:// or https://"
        raise ValueError(message)
    if not host:
        message = "the URL names no host"
        raise ValueError(message)
    if "@" in parts.netloc:
        message = "a URL must not hold credentials; name the variable that holds the key with api-key-env"
        raise ValueError(message)
    if parts.query or parts.fragment:
        message = "a server's URL has no query and no fragment"
        raise ValueError(message)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def server_name(url: str) -> str:
    """Name a server after its host and port, fit for a test id: `gpu-box-8000`."""
    parts = urlsplit(url)
    name = f"{parts.hostname}-{parts.port}" if parts.port else str(parts.hostname)
    return safe_id(name)


def safe_id(text: str) -> str:
    """Make `text` an id: lower case; anything but letters, digits, `.`, `_` and `-` becomes one `-`."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "model"
