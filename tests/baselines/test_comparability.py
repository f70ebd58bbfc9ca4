"""Conditions and treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.baselines.comparability import (
    Conditions,
    Treatment,
    changes,
    conditions_of,
    mismatches,
    treatment_of,
)
from pytest_llmbench.records import GpuRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord

HERE = Conditions(cpu="EPYC", cpu_cores=2, protocol=1)


def test_gpus_matter_only_to_a_server_that_uses_this_hosts(
    make_result: Callable[..., ResultRecord], environment: EnvironmentRecord
) -> None:
    """A CPU server and one that runs elsewhere are not told apart by the GPUs of this host."""
    gpus = tuple(GpuRecord(index=n, name="H200", uuid=f"{n}", memory_bytes=1) for n in range(8))
    host = environment.model_copy(update={"gpus": gpus, "driver": "570"})
    result = make_result()
    deployment = result.deployment.model_copy(update={"gpus": 2, "runtime": "docker"})
    local = result.model_copy(update={"deployment": deployment})
    remote = result.model_copy(update={"deployment": deployment.model_copy(update={"runtime": "external"})})
    assert conditions_of(result, host) == conditions_of(result, environment)
    assert conditions_of(local, host).gpus == ("H200",)
    assert (conditions_of(remote, host).gpus, conditions_of(remote, host).gpu_count) == ((), 2)
    assert treatment_of(local, host).driver == "570"
    assert treatment_of(result, host).driver is None


def test_only_leased_gpus_matter(
    make_result: Callable[..., ResultRecord], environment: EnvironmentRecord
) -> None:
    """What is set of them, and what links them; the others may be of any kind."""
    common: dict[str, Any] = {"uuid": "u", "memory_bytes": 1}
    gpus = (
        GpuRecord(index=0, name="RTX 4090", power_limit_w=300, **common),
        GpuRecord(index=1, name="H200", clock_limit_mhz=1500, ecc=True, **common),
        GpuRecord(index=2, name="H200", mig=True, pcie="gen5 x16", **common),
        GpuRecord(index=3, instance=1, name="H200 MIG 1g.18gb", mig=True, **common),
    )
    host = environment.model_copy(update={"gpus": gpus})
    result = make_result()
    deployment = result.deployment.model_copy(update={"gpus": 2, "runtime": "docker"})

    def conditions(**facts: str) -> Conditions:
        server = result.server.model_copy(update={"facts": facts})
        return conditions_of(result.model_copy(update={"deployment": deployment, "server": server}), host)

    linked = conditions(leased_gpus="1,2", gpu_links="NVLink")
    assert linked.gpus == ("H200",)
    assert linked.gpu_state == ("ECC on", "MIG on", "NVLink", "clock limit 1500 MHz", "gen5 x16")
    assert conditions(leased_gpus="0").gpu_state == ("power limit 300 W",)
    assert conditions(leased_gpus="3:1").gpus == ("H200 MIG 1g.18gb",)
    (text,) = mismatches(linked, conditions(leased_gpus="1,2", gpu_links="SYS"))
    assert text.startswith("GPU settings: ECC on, MIG on, NVLink, ")


def test_the_hosts_settings_matter(
    make_result: Callable[..., ResultRecord], environment: EnvironmentRecord
) -> None:
    """Each that is known to differ; what an older version did not record is not known."""
    boosted = environment.model_copy(update={"turbo": True, "smt": True, "numa_nodes": 2, "cpu_limit": 1.5})
    now = conditions_of(make_result(), boosted)
    assert mismatches(conditions_of(make_result(), environment), now) == (
        "CPU turbo: none in the baseline, True now",
        "CPU threads a core (SMT): none in the baseline, True now",
        "NUMA nodes: none in the baseline, 2 now",
        "limit of CPU time, in cores: none in the baseline, 1.5 now",
    )
    old = now.model_dump(exclude={"turbo", "smt", "numa_nodes", "cpu_limit"})
    assert mismatches(Conditions.model_validate(old), now) == ()


def test_differing_conditions_are_named_with_both_sides() -> None:
    """A person must see at once that another machine measured."""
    other = Conditions(cpu="Xeon", cpu_cores=64, protocol=1, gpus=("H100", "H200"), gpu_count=2)
    assert mismatches(HERE, HERE) == ()
    assert mismatches(HERE, other) == (
        "GPU: none in the baseline, H100, H200 now",
        "number of GPUs: 0 in the baseline, 2 now",
        "CPU: EPYC in the baseline, Xeon now",
        "CPU cores: 2 in the baseline, 64 now",
    )


def test_the_version_is_the_one_the_server_reported(
    make_result: Callable[..., ResultRecord], environment: EnvironmentRecord
) -> None:
    """What ran counts, and what was asked for only where the server is silent."""
    result = make_result()
    assert treatment_of(result, environment).version == "b1"
    server = result.server.model_copy(update={"facts": {"version": 4521}})
    assert treatment_of(result.model_copy(update={"server": server}), environment).version == "4521"


def test_a_tag_that_moved_is_another_treatment(
    make_result: Callable[..., ResultRecord], environment: EnvironmentRecord
) -> None:
    """The same reference with another digest is a suspect; a side that was in no container has none."""
    result = make_result()

    def treatment(digest: str | None) -> Treatment:
        facts = {"image_digest": digest} if digest else {}
        server = result.server.model_copy(update={"facts": facts})
        return treatment_of(result.model_copy(update={"server": server}), environment)

    first, second = (f"sha256:{letter * 64}" for letter in "ab")
    assert changes(treatment(first), treatment(second)) == (f"image digest: {first} -> {second}",)
    assert changes(treatment(first), treatment(first)) == ()
    assert changes(treatment(None), treatment(first)) == ()


def test_changed_treatment_is_listed() -> None:
    """Version, arguments and names of variables, each with before and after."""
    before = Treatment(version="b1", args={"a": 1, "b": True, "same": 0.5}, env=("OLD", "BOTH"))
    now = Treatment(
        version="b2", image="x:1", args={"a": 2, "c": "on", "b": 1, "same": 0.5}, env=("BOTH", "NEW")
    )
    assert changes(before, before) == ()
    assert changes(before, now) == (
        "version: b1 -> b2",
        "image: none -> x:1",
        "argument a: 1 -> 2",
        "argument b: True -> 1",
        "argument c: none -> on",
        "environment variable NEW: now set",
        "environment variable OLD: no longer set",
    )


def test_a_long_value_is_shown_as_its_beginning_on_one_line() -> None:
    """A chat template among the arguments must not become the message."""
    (text,) = changes(Treatment(args={"t": "a\nb"}), Treatment(args={"t": "word \n" * 100}))
    assert text.startswith("argument t: a b -> word word")
    assert "\n" not in text
    assert len(text) < 120
