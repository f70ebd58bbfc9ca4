"""Asking a running server small questions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from pytest_llmbench.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.runtimes.server import FactValue

__all__ = ["get_json", "pick", "post_json", "served_models"]

_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


def get_json(http: httpx.Client, path: str) -> dict[str, Any]:
    """GET a JSON object; empty if the server has no such page or it is no JSON object.

    Raises:
        ServerError: no answer came, or the server wants another API key.
    """
    return _ask(http, "GET", path, None)


def post_json(http: httpx.Client, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    """POST a JSON object and return the one that comes back; else as `get_json`."""
    return _ask(http, "POST", path, body)


def served_models(http: httpx.Client) -> list[dict[str, Any]]:
    """Return the entries of `/v1/models`; empty if the server has no such list."""
    entries = get_json(http, "/v1/models").get("data")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def pick(source: Mapping[str, Any], **names: str) -> dict[str, FactValue]:
    """Take scalars out of a server's answer: `pick(props, slots="total_slots")`; absent ones are left out.

    A dot in a name descends into an object.
    """
    facts: dict[str, FactValue] = {}
    for fact, path in names.items():
        value: Any = source
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str | int | float):
            facts[fact] = value
    return facts


def _ask(http: httpx.Client, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
    try:
        try:
            response = http.request(method, path, json=body)
        except httpx.RemoteProtocolError:
            # llama.cpp closes connections it said it would keep; asking again changes nothing.
            response = http.request(method, path, json=body)
    except httpx.TransportError as error:
        message = f"{http.base_url} does not answer {method} {path}: {error or type(error).__name__}"
        raise ServerError(message) from error
    if response.status_code in _REFUSED:
        message = (
            f"{http.base_url} refuses {method} {path} (HTTP {response.status_code}): "
            "it wants an API key, or another one; 'api-key-env' names the variable that holds it"
        )
        raise ServerError(message)
    if not response.is_success:
        return {}
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
