"""Images: found, pulled by tag and by digest, built, and which one it was."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.backends.base import Image
from pytest_llmbench.errors import ServerStartError
from pytest_llmbench.runtimes.containers.daemon import connect
from pytest_llmbench.runtimes.containers.images import ensure_image, find_image, pull_image
from pytest_llmbench.runtimes.docker import Docker
from tests.docker.conftest import BASE, IMAGE, boxed
from tests.docker.registry import Registry
from tests.docker.sessions import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.containers.daemon import Client
    from tests.docker.second_daemon import SecondDaemon

pytestmark = pytest.mark.skipif(Registry.missing(), reason="needs docker-registry")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Run a registry."""
    with Registry(tmp_path) as running:
        yield running


def push(client: Client, image: str, reference: str) -> str:
    """Push an image under another name, forget that name here, and return its digest."""
    client.images.get(image).tag(reference)
    lines = list(client.api.push(reference, stream=True, decode=True))
    client.images.remove(reference)
    (digest,) = (line["aux"]["Digest"] for line in lines if "aux" in line)
    return str(digest)


def fresh(client: Client, reference: str, size: int = 16) -> str:
    """Push an image of one file of so many bytes, never the same ones, and return its digest."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        content = os.urandom(size)
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    client.api.import_image_from_data(archive.getvalue(), repository="llmbench/fresh", tag="1")
    digest = push(client, "llmbench/fresh:1", reference)
    client.images.remove("llmbench/fresh:1")
    return digest


def forget(client: Client, reference: str) -> None:
    """Remove a name of an image here."""
    client.images.remove(reference)


def test_pulled_by_tag_and_by_digest(client: Client, registry: Registry, context: StartContext) -> None:
    """A server of a pulled image says by which digest the registry knows it."""
    reference = f"{registry.address}/llama:1"
    digest = push(client, IMAGE, reference)
    for image in (reference, f"{registry.address}/llama@{digest}"):
        said: list[str] = []
        running = Docker().start(boxed(image=image), replace(context, on_progress=said.append))
        running.stop()
        assert running.server.facts["image_digest"] == digest
        assert running.server.facts["image"] == image
        assert any(text.startswith(f"pulling {image}") for text in said)
        forget(client, image)


def test_a_local_build_has_its_id(client: Client) -> None:
    """It was in no registry yet: its own id stands for it."""
    found = find_image(client, IMAGE)
    assert found is not None
    assert found.digest is None
    assert found.exact == client.images.get(IMAGE).id


def test_a_tag_that_moved_is_noticed(
    client: Client, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same tag with another digest is told by `llmbench pull`, and is in the facts of its servers."""
    reference = f"{registry.address}/moved:1"
    first = fresh(client, reference)
    assert cli.main(["pull", reference]) == 0
    assert "was" not in capsys.readouterr().out
    forget(client, reference)
    second = fresh(client, reference)
    assert cli.main(["pull", reference]) == 0
    assert capsys.readouterr().out == f"{reference}  {second}  was {first} when it was last used here\n"
    forget(client, reference)


def test_a_moved_tag_stands_beside_the_verdict(client: Client, registry: Registry, tmp_path: Path) -> None:
    """A baseline of the one image, a session of the other: both digests are named as what differs."""
    reference = f"{registry.address}/llama:2"
    first = push(client, IMAGE, reference)
    settings = {"image": reference}
    assert "1 cell saved" in Run(tmp_path, "--bench-save=main", settings=settings).finish()
    forget(client, reference)
    container = client.containers.create(IMAGE)
    other = container.commit("llmbench/other", "1", changes="LABEL moved=yes")
    container.remove()
    second = push(client, other.id, reference)
    run = Run(tmp_path, "--bench-compare=main", settings=settings)
    out = run.finish()
    forget(client, reference)
    client.images.remove("llmbench/other:1")
    (result,) = run.report()["results"]
    assert result["verdict"]["treatment"] == [f"image digest: {first} -> {second}"], out
    assert result["server"]["facts"]["image_moved_from"] == first


def test_what_the_registry_does_not_have(client: Client, registry: Registry) -> None:
    """Neither a tag nor a digest that is not there: it is named, and so is why."""
    fresh(client, f"{registry.address}/base:1")
    with pytest.raises(ServerStartError, match=r"/base:2 cannot be pulled: .*not found"):
        pull_image(client, f"{registry.address}/base:2", lambda _text: None)
    wrong = f"{registry.address}/base@sha256:{'0' * 64}"
    with pytest.raises(ServerStartError, match=r"sha256:0+ cannot be pulled: .*not found"):
        pull_image(client, wrong, lambda _text: None)


def test_the_registry_goes_down_in_mid_pull(
    client: Client, registry: Registry, second_daemon: SecondDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pull ends with a sentence that names the image, and leaves no part of it."""
    reference = f"{registry.address}/big:1"
    fresh(client, reference, size=60_000_000)
    monkeypatch.setenv("DOCKER_HOST", second_daemon.url)
    client = connect()

    def down(text: str) -> None:
        if " of " in text:
            registry.stop()

    with pytest.raises(ServerStartError, match=r"big:1 cannot be pulled: .*(EOF|refused|reset)"):
        pull_image(client, reference, down)
    assert find_image(client, reference) is None


def test_rebuild_builds_again(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is here is used; asked for anew, every step is made again."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "docker" / "small"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN cat /proc/sys/kernel/random/uuid > /id\n")
    image = Image("llmbench/small:2", "small")
    log = tmp_path / "build.log"
    first = ensure_image(client, image, lambda _text: None, log=log)
    assert "Step 2/" in log.read_text()
    assert ensure_image(client, image, lambda _text: None).id == first.id
    second = ensure_image(client, image, lambda _text: None, rebuild=True)
    assert second.id != first.id
    assert second.previous == first.id
    client.images.remove("llmbench/small:2")
