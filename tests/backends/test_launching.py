"""How engines are started outside of this process: images, command lines, causes of failures."""

from __future__ import annotations

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.base import Image, Launch
from pytest_llmbench.backends.causes import find_cause
from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.server import Secret
from pytest_llmbench.spec.deployment import Deployment

LLAMA = Deployment(model="m", source="org/m", backend="llama", runtime="docker", version="b9843")
LAUNCH = Launch(("/app/llama-server",), "/models/m.gguf", "m-1234", "0.0.0.0", 8080)


def test_llama_images_are_pinned_by_release_and_accelerator() -> None:
    """The published image of a release is for the CPU unless there are GPUs."""
    llama = BACKENDS["llama"]
    assert llama.image(LLAMA, "cpu") == Image("ghcr.io/ggml-org/llama.cpp:server-b9843")
    assert llama.image(LLAMA, "cuda") == Image("ghcr.io/ggml-org/llama.cpp:server-cuda-b9843")
    named = LLAMA.model_copy(update={"image": "registry/llama@sha256:1234"})
    assert llama.image(named, "cuda") == Image("registry/llama@sha256:1234")


def test_llama_is_built_at_a_version() -> None:
    """`image-type: build` names the Dockerfile, the version and, for GPUs, CUDA."""
    wanted = LLAMA.model_copy(update={"image_type": "build"})
    cpu, cuda = (BACKENDS["llama"].image(wanted, accelerator) for accelerator in ("cpu", "cuda"))
    assert cpu == Image("llmbench/llama:cpu-b9843", "llama", {"VERSION": "b9843"})
    assert cuda.reference == "llmbench/llama:cuda-b9843"
    assert cuda.build_args["CUDA"] == "ON"
    with pytest.raises(UsageError, match="name an image for ROCm"):
        BACKENDS["llama"].image(wanted, "rocm")


def test_image_needs_a_version() -> None:
    """Nothing is pulled as `latest` by itself."""
    with pytest.raises(UsageError, match="name a version"):
        BACKENDS["llama"].image(LLAMA.model_copy(update={"version": None}), "cpu")
    with pytest.raises(UsageError, match="name an image"):
        BACKENDS["openai"].image(LLAMA, "cpu")


def test_llama_command_line() -> None:
    """Arguments become options, true and false become `--name` and `--no-name`."""
    wanted = LLAMA.model_copy(update={"args": (("ctx-size", 4096), ("jinja", True), ("warmup", False))})
    command = BACKENDS["llama"].command(wanted, LAUNCH)
    assert command[0] == "/app/llama-server"
    for pair in ("--model /models/m.gguf", "--alias m-1234", "--host 0.0.0.0", "--port 8080", "--parallel 4"):
        assert pair in " ".join(command)
    assert {"--jinja", "--no-warmup"} <= set(command)


def test_key_is_not_on_the_command_line() -> None:
    """It is given by a variable, and an engine never asks the hub."""
    launch = Launch(("llama-server",), "m.gguf", "m", "127.0.0.1", 8080, Secret("s3cret"))
    llama = BACKENDS["llama"]
    assert not any("s3cret" in word for word in llama.command(LLAMA, launch))
    assert llama.environment(LLAMA, launch)["LLAMA_API_KEY"] == "s3cret"
    assert llama.environment(LLAMA, launch)["HF_HUB_OFFLINE"] == "1"


def test_what_only_answers_cannot_be_started() -> None:
    """Of a server that merely speaks the protocol no command line is known."""
    with pytest.raises(UsageError, match="can be measured where it runs, not started"):
        BACKENDS["openai"].command(LLAMA, LAUNCH)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "the GPU has too little"),
        ("OSError: [Errno 98] Address already in use", "its port is taken"),
        ("error: invalid argument: --nonsense", "an engine argument is wrong"),
        ("OSError: [Errno 28] No space left on device: '/dev/shm/x'", "shared memory is too small"),
        ("nothing known", None),
    ],
)
def test_causes(line: str, cause: str | None) -> None:
    """A known line of a log is put into words, any other is not."""
    found = find_cause(["loading", line, "bye"])
    assert (found or "").startswith(cause) if cause else found is None
