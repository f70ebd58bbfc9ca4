"""Secrets, and the plan's own methods."""

from __future__ import annotations

import pytest

from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.plan import Plan, is_secret, redacted_argument


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "OPENAI_API_KEY", "APIKEY", "DB_PASSWORD", "MY_SECRETS", "api-key", "api_key", "hf-token",
     "password", "Api_Token", "credentials", "apikey"],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    """Names that hold secrets are known as such."""
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max-num-batched-tokens", "tokenizer-mode", "TOKENIZERS_PARALLELISM", "cache-type-k", "seed", "HOME",
     "max_tokens"],
)  # fmt: skip
def test_other_names(name: str) -> None:
    """Names that only sound like secrets are shown."""
    assert not is_secret(name)


def test_redacted() -> None:
    """Only what is secret is replaced."""
    deployment = Deployment(
        model="m",
        source="s",
        backend="vllm",
        runtime="docker",
        args=(("api-key", "k"), ("x", 1)),
        env=(("HF_TOKEN", "t"), ("HOME", "/")),
    )
    plan = Plan((deployment,), secrets={deployment.id: frozenset({"args.api-key", "env.HF_TOKEN", "source"})})
    redacted = plan.redacted(deployment)
    assert redacted.args == (("api-key", "***"), ("x", 1))
    assert redacted.env == (("HF_TOKEN", "***"), ("HOME", "/"))
    assert redacted.source == "***"
    assert Plan((deployment,)).redacted(deployment) == deployment


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HF_TOKEN=abc", "HF_TOKEN=***"),
        ("--bench-env=HF_TOKEN=a=b", "--bench-env=HF_TOKEN=***"),
        ("--bench-arg=llama.api-key=abc", "--bench-arg=llama.api-key=***"),
        ("box=https://me:pw@host:1/v1", "box=https://***@host:1/v1"),
        ("--bench-api-key-env=MY_KEY", "--bench-api-key-env=MY_KEY"),
        ("--bench-arg=vllm.max-num-batched-tokens=1", "--bench-arg=vllm.max-num-batched-tokens=1"),
        ("CUDA_VISIBLE_DEVICES=0,1", "CUDA_VISIBLE_DEVICES=0,1"),
        ("-k", "-k"),
    ],
)
def test_redacted_argument(text: str, shown: str) -> None:
    """Values of secrets are replaced, their names and everything else stay."""
    assert redacted_argument(text) == shown
