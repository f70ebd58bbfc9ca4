"""What must match for two sessions to be compared, and what may differ and is the suspect."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pytest_llmbench.records import Scalar  # noqa: TC001 - pydantic resolves it at run time
from pytest_llmbench.spec.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.records import DeploymentRecord, EnvironmentRecord, GpuRecord, ResultRecord

__all__ = ["Conditions", "Treatment", "changes", "conditions_of", "mismatches", "treatment_of"]


_LONGEST = 80


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Conditions(_Stored):
    """Facts that must be equal on both sides."""

    gpus: tuple[str, ...] = ()
    """Models of the host's GPUs, each once, sorted; empty when the server uses none of them."""
    gpu_count: int = 0
    """GPUs of the deployment."""
    gpu_state: tuple[str, ...] = ()
    """Power limits, MIG and links of the host's GPUs, each once, sorted."""
    governor: str | None = None
    """How the kernel chooses the cores' clocks."""
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


def conditions_of(deployment: DeploymentRecord, environment: EnvironmentRecord) -> Conditions:
    """Take what matters to this deployment.

    The host's GPUs do not matter to a server that uses none, nor to one that runs elsewhere.
    """
    local = deployment.gpus > 0 and deployment.runtime != "external"
    return Conditions(
        gpus=tuple(sorted({gpu.name for gpu in environment.gpus})) if local else (),
        gpu_count=deployment.gpus,
        gpu_state=tuple(sorted({text for gpu in environment.gpus for text in _state(gpu)})) if local else (),
        governor=environment.governor,
        cpu=environment.cpu,
        cpu_cores=environment.cpu_cores,
        protocol=environment.protocol,
    )


def _state(gpu: GpuRecord) -> Iterator[str]:
    """Say what was set of a GPU, and where it is plugged in."""
    if gpu.power_limit_w is not None:
        yield f"power limit {gpu.power_limit_w:g} W"
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


_CONDITION_NAMES = {
    "gpus": "GPU",
    "gpu_count": "number of GPUs",
    "gpu_state": "GPU settings",
    "governor": "CPU governor",
    "cpu": "CPU",
    "cpu_cores": "CPU cores",
    "protocol": "measurement protocol",
}


def mismatches(baseline: Conditions, candidate: Conditions) -> tuple[str, ...]:
    """Name the conditions that differ, one `CPU cores: 2 in the baseline, 8 now` each."""
    return tuple(
        f"{title}: {_show(getattr(baseline, name))} in the baseline, {_show(getattr(candidate, name))} now"
        for name, title in _CONDITION_NAMES.items()
        if getattr(baseline, name) != getattr(candidate, name)
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
