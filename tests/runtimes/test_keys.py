from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.keys import read_env_file, resolve_api_key, resolve_secrets
from tests.runtimes.conftest import deployment

if TYPE_CHECKING:
    from pathlib import Path


def test_secrets_come_from_the_environment_then_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name; what is in both is the environment's, and none shows its value."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ONE=file\nTWO=file\n")
    monkeypatch.setenv("ONE", "environment")
    secrets = resolve_secrets(deployment(secrets=("ONE", "TWO")))
    assert secrets == {"ONE": "environment", "TWO": "file"}
    assert "file" not in repr(secrets)
    assert resolve_api_key(deployment(api_key_env="TWO")) == "file"


def test_missing_secret_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the deployment that wants it, and where it was looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"NOWHERE, which is a secret of tiny.*\.env does not have it"):
        resolve_secrets(deployment(secrets=("NOWHERE",)))
    monkeypatch.setenv("NOWHERE", "")
    with pytest.raises(UsageError, match="is empty"):
        resolve_api_key(deployment(api_key_env="NOWHERE"))


def test_env_file_is_read_as_shells_do(tmp_path: Path) -> None:
    """Quotes, comments, `export`; a file that is not there has nothing."""
    path = tmp_path / ".env"
    lines = ["# no", "", "A=1", "export B = two # note", "C='x # y'", 'D="z"', "not a line", "E=a=b"]
    path.write_text("\n".join(lines))
    assert read_env_file(path) == {"A": "1", "B": "two", "C": "x # y", "D": "z", "E": "a=b"}
    assert read_env_file(tmp_path / "none") == {}
