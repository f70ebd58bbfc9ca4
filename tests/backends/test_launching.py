"""How engines are started outside of this process: images, command lines, causes of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.base import Image, Launch
from pytest_llmbench.backends.causes import find_cause
from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.server import Secret
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from pytest_llmbench.backends.base import Accelerator

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


def test_vllm_is_built_on_what_its_kernels_need() -> None:
    """For the CPU on a system with its compiler; what CUDA needs is the Dockerfile's own default."""
    wanted = _deployment("vllm").model_copy(update={"image_type": "build"})
    cpu, cuda = (BACKENDS["vllm"].image(wanted, accelerator) for accelerator in ("cpu", "cuda"))
    assert cpu.build_args["BUILD_BASE"] == cpu.build_args["BASE"] == "ubuntu:24.04"
    assert cuda.build_args == {"VERSION": wanted.version, "TARGET": "cuda"}


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


def _launch(gpus: int = 0) -> Launch:
    return Launch(("serve",), "/models/m", "m-1234", "127.0.0.1", 8080, gpus=gpus)


def _deployment(backend: str, **asked: object) -> Deployment:
    return Deployment(model="m", source="org/m", backend=backend, runtime="docker", version="v1", **asked)  # type: ignore[arg-type]


def _command(backend: str, gpus: int = 0, **asked: object) -> str:
    deployment = _deployment(backend, gpus=gpus, **asked)
    return " ".join(BACKENDS[backend].command(deployment, _launch(gpus)))


def test_vllm_command_line() -> None:
    """The model stands by itself; parallelism is written where there is any."""
    args = (("max-model-len", 4096), ("enforce-eager", True), ("enable-prefix-caching", False))
    command = _command("vllm", tp=2, pp=2, args=args, extra_args=("--new-flag", "a b"))
    assert command == (
        "serve /models/m --served-model-name m-1234 --host 127.0.0.1 --port 8080 --tensor-parallel-size 2"
        " --pipeline-parallel-size 2 --enable-prompt-tokens-details --max-model-len 4096 --enforce-eager"
        " --no-enable-prefix-caching --new-flag a b"
    )


def test_vllm_spreads_experts_over_all_ranks() -> None:
    """Expert parallelism is a switch there; another size than the ranks' product cannot be."""
    assert _command("vllm", tp=2, dp=2, ep=4).count("--enable-expert-parallel") == 1
    assert "--data-parallel-size 2" in _command("vllm", dp=2)
    with pytest.raises(UsageError, match="ep must be 4 or 1"):
        _command("vllm", tp=4, ep=2)


def test_sglang_command_line() -> None:
    """Each kind of parallelism has its own option."""
    command = _command("sglang", tp=8, dp=2, ep=8, args=(("mem-fraction-static", 0.88),))
    assert command.startswith("serve --model-path /models/m --served-model-name m-1234 --host 127.0.0.1")
    assert "--tp-size 8 --dp-size 2 --ep-size 8" in command
    assert command.endswith("--enable-cache-report --enable-metrics --mem-fraction-static 0.88")


def test_trtllm_command_line() -> None:
    """Its arguments have underscores; it goes by its folder's name and has no data parallelism."""
    command = _command("trtllm", tp=2, ep=2, args=(("max-seq-len", 4096),))
    assert command == (
        "serve /models/m --host 127.0.0.1 --port 8080 --tp_size 2 --ep_size 2 --max_seq_len 4096"
    )
    assert BACKENDS["trtllm"].served_as(_launch()) == "m"
    assert BACKENDS["vllm"].served_as(_launch()) == "m-1234"
    with pytest.raises(UsageError, match="trtllm cannot do dp 2"):
        _command("trtllm", dp=2)


@pytest.mark.parametrize(
    ("backend", "gpus", "tp", "words"),
    [
        ("llama", 0, 1, "--gpu-layers 0"),
        ("llama", 1, 1, "--split-mode none"),
        ("llama", 2, 1, "--split-mode layer --tensor-split 1,1"),
        ("llama", 4, 4, "--split-mode row --tensor-split 1,1,1,1"),
        ("ik_llama", 2, 2, "--split-mode graph --tensor-split 1,1"),
    ],
)
def test_llama_on_several_gpus(backend: str, gpus: int, tp: int, words: str) -> None:
    """Layers are spread over the GPUs; with TP all of them work on every token."""
    command = _command(backend, gpus, tp=tp)
    assert words in command
    assert ("--tensor-split" in command) == ("--tensor-split" in words)


def test_llama_is_told_otherwise() -> None:
    """What the arguments say wins over what the GPUs suggest."""
    args = (("split-mode", "row"), ("tensor-split", "3,1"))
    command = _command("llama", 2, args=args)
    assert "--split-mode row --tensor-split 3,1" in command
    assert command.count("--split-mode") == 1


@pytest.mark.parametrize(
    ("gpus", "asked", "reason"),
    [
        (0, {"tp": 2}, "splits tensors over GPUs only: tp 2, gpus 0"),
        (4, {"tp": 2}, "over all GPUs or none: tp 2, gpus 4"),
        (2, {"pp": 2}, "llama cannot do pp 2"),
    ],
)
def test_what_llama_cannot_do(gpus: int, asked: dict[str, int], reason: str) -> None:
    """Ways of spreading that there are not are refused before anything starts."""
    with pytest.raises(UsageError, match=reason):
        _command("llama", gpus, **asked)


@pytest.mark.parametrize(
    ("backend", "accelerator", "reference"),
    [
        ("vllm", "cuda", "vllm/vllm-openai:v1"),
        ("vllm", "rocm", "vllm/vllm-openai-rocm:v1"),
        ("sglang", "cuda", "lmsysorg/sglang:v1"),
        ("trtllm", "cuda", "nvcr.io/nvidia/tensorrt-llm/release:v1"),
    ],
)
def test_published_images(backend: str, accelerator: Accelerator, reference: str) -> None:
    """Each engine's own image of that version."""
    assert BACKENDS[backend].image(_deployment(backend), accelerator) == Image(reference)


def test_images_that_are_not_published() -> None:
    """An accelerator the project has no image for takes one that is named."""
    with pytest.raises(UsageError, match="trtllm publishes no image for rocm: name an image"):
        BACKENDS["trtllm"].image(_deployment("trtllm"), "rocm")
    with pytest.raises(UsageError, match="sglang is not built from source for cuda"):
        BACKENDS["sglang"].image(_deployment("sglang", image_type="build"), "cuda")
    assert BACKENDS["vllm"].image(_deployment("vllm", image_type="build"), "cpu").dockerfile == "vllm"


def test_keys_of_engines() -> None:
    """VLLM takes its key from a variable; where only the command line would do, none is given."""
    launch = Launch(("serve",), "/models/m", "m", "127.0.0.1", 8080, Secret("s3cret"))
    assert BACKENDS["vllm"].environment(_deployment("vllm"), launch)["VLLM_API_KEY"] == "s3cret"
    for name in ("sglang", "trtllm"):
        with pytest.raises(UsageError, match="takes an API key only on its command line"):
            BACKENDS[name].environment(_deployment(name), launch)
