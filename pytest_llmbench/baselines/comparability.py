"""What must match for two sessions to be compared, and what may differ and is the suspect."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pytest_llmbench.records import Scalar  # noqa: TC001 - pydantic resolves it at run time
from pytest_llmbench.spec.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.records import EnvironmentRecord, GpuRecord, ResultRecord

__all__ = ["Conditions", "Treatment", "changes", "conditions_of", "mismatches", "treatment_of"]


_LONGEST = 80
_OF_THE_HOST = {
    "governor": "CPU governor",
    "turbo": "CPU turbo",
    "smt": "CPU threads a core (SMT)",
    "numa_nodes": "NUMA nodes",
    "cpu_limit": "limit of CPU time, in cores",
    "cpu": "CPU",
    "cpu_cores": "CPU cores",
    "protocol": "measurement protocol",
}
_ADDED = frozenset({"turbo", "smt", "numa_nodes", "cpu_limit"})
"""Baselines of older versions do not have these."""
_CONDITION_NAMES = {
    "gpus": "GPU",
    "gpu_count": "number of GPUs",
    "gpu_state": "GPU settings",
    **_OF_THE_HOST,
}


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Conditions(_Stored):
    """Facts that must be equal on both sides."""

    gpus: tuple[str, ...] = ()
    """Models of the server's GPUs, each once, sorted; empty when it uses none of this host's."""
    gpu_count: int = 0
    """GPUs of the deployment."""
    gpu_state: tuple[str, ...] = ()
    """What is set of the server's GPUs, where they are plugged in and what links them, each once, sorted."""
    governor: str | None = None
    """How the kernel chooses the cores' clocks."""
    turbo: bool | None = None
    smt: bool | None = None
    numa_nodes: int | None = None
    cpu_limit: float | None = None
    cpu: str
    cpu_cores: int
    protocol: int
    """Version of the measurement protocol."""


class Treatment(_Stored):
    """What a comparison is about. Environment variables are named, never valued."""

    version: str | None = None
    image: str | None = None
    image_digest: str | None = None
    """Which image that was: a tag can be moved. None where the server was in no container."""
    args: dict[str, Scalar] = {}
    env: tuple[str, ...] = ()
    driver: str | None = None
    settings: dict[str, Scalar] = {}
    """Everything else of the deployment that is neither its cell nor a condition: its source, its runtime."""


def conditions_of(result: ResultRecord, environment: EnvironmentRecord) -> Conditions:
    """Take what matters to what was measured.

    GPUs are those that were leased to the server: those beside it do not matter to it, and none of this
    host's does to one that uses none, or that runs elsewhere.
    """
    gpus = _leased(result, environment)
    links = str(result.server.facts.get("gpu_links") or "")
    state = {text for gpu in gpus for text in _state(gpu)} | set(filter(None, links.split(",")))
    return Conditions(
        gpus=tuple(sorted({gpu.name for gpu in gpus})),
        gpu_count=result.deployment.gpus,
        gpu_state=tuple(sorted(state)),
        **{name: getattr(environment, name) for name in _OF_THE_HOST},
    )


def _leased(result: ResultRecord, environment: EnvironmentRecord) -> tuple[GpuRecord, ...]:
    """Return the server's GPUs; all of the host where it is not told which."""
    if not result.deployment.gpus or result.deployment.runtime == "external":
        return ()
    labels = str(result.server.facts.get("leased_gpus") or "").split(",")
    return tuple(gpu for gpu in environment.gpus if gpu.label in labels) or environment.gpus


def _state(gpu: GpuRecord) -> Iterator[str]:
    """Say what was set of a GPU, and where it is plugged in."""
    if gpu.power_limit_w is not None:
        yield f"power limit {gpu.power_limit_w:g} W"
    if gpu.clock_limit_mhz is not None:
        yield f"clock limit {gpu.clock_limit_mhz} MHz"
    if gpu.ecc is not None:
        yield f"ECC {'on' if gpu.ecc else 'off'}"
    if gpu.mig is not None:
        yield f"MIG {'on' if gpu.mig else 'off'}"
    if gpu.pcie is not None:
        yield gpu.pcie


def treatment_of(result: ResultRecord, environment: EnvironmentRecord) -> Treatment:
    """Take what was run: the version the server reported before the one that was asked for."""
    deployment = result.deployment
    reported, digest = (result.server.facts.get(name) for name in ("version", "image_digest"))
    return Treatment(
        version=str(reported) if reported is not None else deployment.version,
        image=deployment.image,
        image_digest=str(digest) if digest is not None else None,
        args=dict(sorted(deployment.args.items())),
        env=tuple(sorted(deployment.env)),
        driver=environment.driver if deployment.gpus and deployment.runtime != "external" else None,
        settings={
            name: getattr(deployment, name)
            for name in sorted(type(deployment).model_fields)
            if ROLES.get(name) == "treatment" and name not in Treatment.model_fields
        },
    )


def mismatches(baseline: Conditions, candidate: Conditions) -> tuple[str, ...]:
    """Name the conditions that differ, one `CPU cores: 2 in the baseline, 8 now` each.

    What an older version did not record yet is not known to differ.
    """
    return tuple(
        f"{title}: {_show(getattr(baseline, name))} in the baseline, {_show(getattr(candidate, name))} now"
        for name, title in _CONDITION_NAMES.items()
        if getattr(baseline, name) != getattr(candidate, name)
        and (name not in _ADDED or name in baseline.model_fields_set)
    )


def changes(baseline: Treatment, candidate: Treatment) -> tuple[str, ...]:
    """Name what differs in treatment, one `version: b4521 -> b4600` each."""
    found = [
        _change(name, getattr(baseline, name), getattr(candidate, name))
        for name in ("version", "image", "driver")
    ]
    if baseline.image_digest and candidate.image_digest:
        found.append(_change("image digest", baseline.image_digest, candidate.image_digest))
    found += [
        _change(f"argument {name}", baseline.args.get(name), candidate.args.get(name))
        for name in sorted({*baseline.args, *candidate.args})
    ]
    found += [
        _change(name, baseline.settings[name], candidate.settings[name])
        for name in sorted(baseline.settings.keys() & candidate.settings.keys())
    ]
    before, now = set(baseline.env), set(candidate.env)
    found += [f"environment variable {name}: now set" for name in sorted(now - before)]
    found += [f"environment variable {name}: no longer set" for name in sorted(before - now)]
    return tuple(text for text in found if text)


def _change(name: str, before: Scalar, now: Scalar) -> str:
    # 1 and True are equal in Python and different arguments to an engine.
    return "" if (before, type(before)) == (now, type(now)) else f"{name}: {_show(before)} -> {_show(now)}"


def _show(value: object) -> str:
    if value is None or value == ():
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    # An argument may be a whole template; a message shows its beginning, on one line.
    return textwrap.shorten(text, _LONGEST, placeholder="...") or repr(text)
