from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.containers.build_context import build_context, dockerfiles


def test_the_same_files_are_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever they were written: else a build would find none of its layers again."""
    monkeypatch.delenv("PIP_CERT", raising=False)
    path = tmp_path / "Dockerfile"
    packed = []
    for _ in range(2):
        path.write_text("FROM scratch")
        with build_context(tmp_path, {}) as (file, _args):
            packed.append(file.read())
        path.unlink()
    assert packed[0] == packed[1]


def test_files_of_this_host_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that SOURCE names, and pip's certificates, under names the Dockerfile knows."""
    folder = tmp_path / "docker"
    folder.mkdir()
    for path in (folder / "Dockerfile", tmp_path / "src.tar.gz", tmp_path / "certificates.pem"):
        path.write_text(path.name)
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "certificates.pem"))
    said = {"SOURCE": str(tmp_path / "src.tar.gz"), "VERSION": "1"}
    with build_context(folder, said) as (file, args), tarfile.open(fileobj=file) as tar:
        names = tar.getnames()
    assert names == ["Dockerfile", "src.tar.gz", "ca.crt"]
    assert args == {"SOURCE": "src.tar.gz", "VERSION": "1"}


def test_an_address_is_left_to_the_build(tmp_path: Path) -> None:
    """Nothing is fetched here."""
    with build_context(tmp_path, {"SOURCE": "https://x/y.tar.gz"}) as (_, args):
        assert args == {"SOURCE": "https://x/y.tar.gz"}


def test_missing_archive_is_named(tmp_path: Path) -> None:
    """Before anything is sent."""
    with (
        pytest.raises(UsageError, match=r"none\.tar\.gz, which the build needs, cannot be read"),
        build_context(tmp_path, {"SOURCE": "none.tar.gz"}),
    ):
        pass


def test_a_projects_own_dockerfile_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then ours; what neither has is told with what there is."""
    monkeypatch.chdir(tmp_path)
    assert dockerfiles("llama") == Path(__file__).parents[3] / "docker" / "llama"
    own = tmp_path / "docker" / "llama"
    own.mkdir(parents=True)
    (own / "Dockerfile").write_text("FROM scratch")
    assert dockerfiles("llama") == Path("docker/llama")
    with pytest.raises(UsageError, match="did you mean 'llama'"):
        dockerfiles("lama")
