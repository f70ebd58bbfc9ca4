from __future__ import annotations

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.keys import resolve_api_key
from pytest_llmbench.spec.deployment import Deployment

DEPLOYMENT = Deployment(
    model="m", source="", backend="openai", runtime="external", api_key_env="LLMBENCH_TEST_KEY"
)


def test_key_is_read_and_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is the variable's value and never shows itself."""
    monkeypatch.setenv("LLMBENCH_TEST_KEY", "hush")
    key = resolve_api_key(DEPLOYMENT)
    assert key == "hush"
    assert repr(key) == "'***'"


def test_no_key_wanted() -> None:
    """A deployment that names no variable needs no key."""
    assert resolve_api_key(DEPLOYMENT.model_copy(update={"api_key_env": None})) is None


@pytest.mark.parametrize(("value", "state"), [(None, "is not set"), ("", "is empty")])
def test_missing_key(monkeypatch: pytest.MonkeyPatch, value: str | None, state: str) -> None:
    """A variable that is missing or empty is named."""
    monkeypatch.delenv("LLMBENCH_TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("LLMBENCH_TEST_KEY", value)
    with pytest.raises(UsageError, match=rf"LLMBENCH_TEST_KEY, .* {state}"):
        resolve_api_key(DEPLOYMENT)
