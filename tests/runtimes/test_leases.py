"""Leasing GPUs: on paper, and by many real processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.errors import ServerError
from pytest_llmbench.models.facts import ModelFacts
from pytest_llmbench.runtimes.leases import GpuPool
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.files import Rule
from pytest_llmbench.telemetry.listed import Listed
from tests.users import USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GIB = 2**30


def listed(tmp_path: Path, *names: str, **values: Any) -> Path:  # noqa: ANN401
    """List GPUs of these names, each of 80 GiB."""
    gpus = [
        {"index": index, "uuid": f"GPU-{index}", "name": name, "memory": 80 * GIB, "used": 0, **values}
        for index, name in enumerate(names)
    ]
    path = tmp_path / "gpus.json"
    path.write_text(json.dumps(gpus))
    return path


def pool(tmp_path: Path, *names: str, **values: Any) -> GpuPool:  # noqa: ANN401
    """Make a pool of GPUs of these names."""
    inventory = Listed(listed(tmp_path, *names))
    return GpuPool(inventory.gpus(), inventory, folder=tmp_path, **values)


def asks(gpus: int, **values: Any) -> Deployment:  # noqa: ANN401
    """Make a deployment that asks for GPUs."""
    return Deployment(
        model="m", source="o/m", backend="vllm", runtime="docker", gpus=gpus,
        **{f"gpu_{name}": value for name, value in values.items()},
    )  # fmt: skip


def lease(pool: GpuPool, deployment: Deployment, timeout: float = 0.0) -> Any:  # noqa: ANN401
    """Lease without waiting."""
    return pool.leased(deployment, timeout=timeout, on_wait=lambda _text: None)


def indices(gpus: Any) -> list[int]:  # noqa: ANN401
    """Say which GPUs these are."""
    return [gpu.index for gpu in gpus]


def test_all_or_none(tmp_path: Path) -> None:
    """What is leased is nobody else's; who gets too few gets none, and others can have them."""
    four = pool(tmp_path, *["H100"] * 4)
    with lease(four, asks(3)) as three:
        assert indices(three) == [0, 1, 2]
        with pytest.raises(ServerError, match="2 GPUs did not become free"), lease(four, asks(2)):
            pass
        with lease(four, asks(1)) as one:
            assert indices(one) == [3]
    with lease(four, asks(4)) as all_four:
        assert indices(all_four) == [0, 1, 2, 3]
    with lease(four, asks(0)) as none:
        assert none == ()


def test_which_ones(tmp_path: Path) -> None:
    """By name, by id, and preferred sets before others, as long as they are free."""
    mixed = pool(tmp_path, "NVIDIA A100", "NVIDIA H100", "NVIDIA H100", "NVIDIA H100")
    with lease(mixed, asks(1, name="h100")) as first, lease(mixed, asks(1, ids=("GPU-3",))) as third:
        assert (indices(first), indices(third)) == ([1], [3])
    preferring = asks(2, prefer=(("3", "2"), ("0", "1")))
    with lease(mixed, preferring) as best:
        assert indices(best) == [2, 3]
        with lease(mixed, preferring) as second:
            assert indices(second) == [0, 1]
    with lease(mixed, asks(1, ids=("2",))), lease(mixed, preferring) as next_best:
        assert indices(next_best) == [0, 1]
    one, other = asks(1, ids=("2",)), asks(1, ids=("0",))
    with lease(mixed, one), lease(mixed, other), lease(mixed, preferring) as any_two:
        assert indices(any_two) == [1, 3]


def test_sharing(tmp_path: Path) -> None:
    """Two halves fit on one GPU, a third does not, and a server that wants it whole waits."""
    one = pool(tmp_path, "H100")
    half = asks(1, share=0.5)
    with lease(one, half) as a, lease(one, half) as b:
        assert indices(a) == indices(b) == [0]
        for wish in (half, asks(1)):
            with pytest.raises(ServerError, match="1 GPU did not become free"), lease(one, wish):
                pass


def test_mig_instances(tmp_path: Path) -> None:
    """Each is leased by itself, by the name that nvidia-smi gives it, and never two for one server."""
    path = tmp_path / "gpus.json"
    one = {"index": 0, "name": "H200 MIG 1g.18gb", "memory": 18 * GIB, "used": 0, "mig": True}
    path.write_text(json.dumps([{**one, "uuid": f"MIG-{n}", "instance": n} for n in (2, 1)]))
    inventory = Listed(path)
    two = GpuPool(inventory.gpus(), inventory, folder=tmp_path)
    with lease(two, asks(1)) as first, lease(two, asks(1, ids=("0:2",))) as second:
        assert [gpu.label for gpu in (*first, *second)] == ["0:1", "0:2"]
        with pytest.raises(ServerError, match=r"1 GPU did not become free.*"), lease(two, asks(1)):
            pass
    assert two.shortage(asks(2)) == (
        "needs 2 GPUs, found 0: not H200 MIG 1g.18gb: one process sees one MIG instance"
    )


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        (asks(5), "needs 5 GPUs, found 4"),
        (asks(2, name="B200"), "needs 2 GPUs (B200), found 0: not NVIDIA H100: B200 is asked for"),
        (asks(1, ids=("7",)), "needs 1 GPU 7, found 0"),
        (asks(4), "needs 4 GPUs, found 3: not NVIDIA RTX 4090: no fp8 cache"),
        (asks(3), None),
        (asks(0), None),
    ],
)
def test_what_a_machine_does_not_have(tmp_path: Path, deployment: Deployment, reason: str | None) -> None:
    """Told with the request, and with what is wrong with a GPU that is there."""
    rule = Rule.model_validate({"when": {"gpu": "4090"}, "reason": "no fp8 cache"})
    rules = {deployment.id: (rule,)} if deployment.gpus == 4 else {}
    four = pool(tmp_path, *["NVIDIA H100"] * 3, "NVIDIA RTX 4090", rules=rules)
    assert four.shortage(deployment) == reason


def test_a_model_that_is_too_big(tmp_path: Path) -> None:
    """The arithmetic is the reason."""
    facts = ModelFacts("safetensors", weight_bytes=100 * GIB)
    two = pool(tmp_path, "H100", "H100", facts_of=lambda _source: facts)
    assert two.shortage(asks(1)) == (
        "needs 1 GPU, found 0: not H100: weights and cache need 100.0 GiB, 1 x 80.0 GiB of GPU memory is 80.0"
    )
    assert two.shortage(asks(2)) is None


def test_memory_is_waited_for(tmp_path: Path) -> None:
    """First what dead owners left is swept, then the driver takes its time to give the memory back."""
    path = listed(tmp_path, "H100", used=20 * GIB, pids=[17])
    inventory = Listed(path)
    told: list[str] = []
    swept: list[bool] = []

    def on_wait(text: str) -> None:
        told.append(text)
        listed(tmp_path, "H100", used=GIB)

    gpus = GpuPool(inventory.gpus(), inventory, sweep=lambda: swept.append(True), folder=tmp_path)
    with pytest.raises(ServerError, match=r"20\.0 GiB of GPU 0 are in use by pid 17"), lease(gpus, asks(1)):
        pass
    with gpus.leased(asks(1), timeout=60, on_wait=on_wait) as leased:
        assert indices(leased) == [0]
    assert told == ["waiting for memory: 20.0 GiB of GPU 0 are in use by pid 17"]
    assert swept == [True, True]


_WORKER = """
import json, os, pathlib, random, sys
from pytest_llmbench.runtimes.leases import GpuPool
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.telemetry.listed import Listed

folder, seed, starts = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
inventory = Listed(folder / "gpus.json")
pool = GpuPool(inventory.gpus(), inventory, folder=folder)
choose = random.Random(seed)
for _ in range(starts):
    count = choose.choice((1, 1, 2, 4))
    wish = Deployment(model=f"m{seed}", source="o/m", backend="vllm", runtime="docker", tp=count, gpus=count)
    with pool.leased(wish, timeout=120, on_wait=lambda text: None) as gpus:
        assert len({gpu.uuid for gpu in gpus}) == count
        # Whoever finds the mark of another has a GPU that is not his alone.
        marks = [os.open(folder / f"{gpu.uuid}.mark", os.O_CREAT | os.O_EXCL) for gpu in gpus]
        for mark, gpu in zip(marks, gpus):
            os.close(mark)
        for gpu in gpus:
            os.unlink(folder / f"{gpu.uuid}.mark")
    print(count, flush=True)
"""


def start(tmp_path: Path, seed: int, starts: int) -> subprocess.Popen[str]:
    """Start a process that leases so often."""
    command = [sys.executable, "-c", _WORKER, str(tmp_path), str(seed), str(starts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_eight_processes_compete_for_four_gpus(tmp_path: Path) -> None:
    """For two hundred leases of one, two and four: none is given twice, and all get theirs."""
    listed(tmp_path, *["H100"] * 4)
    processes = [start(tmp_path, seed, 25) for seed in range(8)]
    ended = [(process.communicate(timeout=200), process.returncode) for process in processes]
    assert [code for _, code in ended] == [0] * 8, "\n".join(errors for (_, errors), _ in ended)
    assert [len(out.split()) for (out, _), _ in ended] == [25] * 8
    assert list(tmp_path.glob("*.mark")) == []


_HOLD = """
import pathlib, sys
from pytest_llmbench.runtimes.leases import GpuPool
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.telemetry.listed import Listed
folder = pathlib.Path(sys.argv[1])
inventory = Listed(folder / "gpus.json")
wish = Deployment(model="old", source="o/m", backend="vllm", runtime="docker", gpus=2)
with GpuPool(inventory.gpus(), inventory, folder=folder).leased(wish, timeout=60, on_wait=print):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_killed_owner_gives_back(tmp_path: Path) -> None:
    """While it lives those who wait are told who it is; `kill -9` frees its GPUs."""
    two = pool(tmp_path, "H100", "H100")
    owner = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    assert owner.stdout.readline() == "held\n"
    told: list[str] = []

    def on_wait(text: str) -> None:
        told.append(text)
        owner.kill()

    with two.leased(asks(2), timeout=60, on_wait=on_wait) as leased:
        assert indices(leased) == [0, 1]
    owner.communicate()
    assert told[0] == f"waiting for 2 GPUs (old.vllm.tp01.gpux02 (pid {owner.pid}, {USER}) has 0,1)"


def test_small_requests_do_not_starve_a_large_one(tmp_path: Path) -> None:
    """One who wants all four has the next turn once he waits, however many single ones come after him."""
    four = pool(tmp_path, *["H100"] * 4)
    order: list[str] = []
    first = lease(four, asks(1))
    first.__enter__()
    waiting, released = threading.Event(), threading.Event()

    def want(count: int, name: str, on_wait: Callable[[str], None]) -> None:
        with four.leased(asks(count), timeout=60, on_wait=on_wait):
            order.append(name)

    large = threading.Thread(target=want, args=(4, "large", lambda _text: waiting.set()))
    large.start()
    assert waiting.wait(60)
    small = threading.Thread(target=want, args=(1, "small", lambda _text: released.set()))
    small.start()
    assert released.wait(60)  # it waits, though three GPUs are free
    first.__exit__(None, None, None)
    large.join(60)
    small.join(60)
    assert order == ["large", "small"]
