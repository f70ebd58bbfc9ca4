"""Finding out which engine answers at an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.wire import get_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import httpx

__all__ = ["detect_engine"]

_OWNERS = {
    "llamacpp": "llama",
    "sglang": "sglang",
    "tensorrt_llm": "trtllm",
    "vllm": "vllm",
}


def detect_engine(http: httpx.Client, models: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the name of the backend that answers; None if it cannot be told.

    `models` are the entries of `/v1/models`. Their owner decides; a gateway may hide it, then a page that
    only one engine has does.
    """
    for model in models:
        engine = _OWNERS.get(str(model.get("owned_by", "")).lower())
        if engine is not None:
            return engine
    if "total_slots" in get_json(http, "/props"):
        return "llama"
    for page in ("/server_info", "/get_server_info"):
        if "max_total_num_tokens" in get_json(http, page):
            return "sglang"
    return None
