"""`--bench-ab`: every deployment of a plan as two sides that differ in what was said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.plan import is_secret
from pytest_llmbench.spec.urls import server_url
from pytest_llmbench.spec.yaml_source import yaml_scalar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_llmbench.spec.deployment import Deployment, RuntimeName
    from pytest_llmbench.spec.plan import Engine, Plan

__all__ = ["split_sides"]

_SIDES: tuple[Literal["a", "b"], ...] = ("a", "b")
_KEYS = ("version", "image", "url", "arg", "env")
_ORIGIN = "--bench-ab"
_FORM = "expected SIDE=KEY=VALUE, as in B=version=v0.33.0, B=arg.threads=1 or B=url=http://host:8000"


def split_sides(plan: Plan, specs: Sequence[str], engines: Mapping[str, Engine]) -> Plan:
    """Return the plan with side A and side B of each deployment, next to each other.

    Each spec is `SIDE=KEY=VALUE`: SIDE is A or B, KEY is `version`, `image`, `url`, `arg.NAME` or `env.NAME`.
    What no spec says of a side is as the configuration has it.

    Raises:
        UsageError: a spec cannot be read, or nothing differs.
    """
    said = [_read(spec) for spec in specs]
    deployments: list[Deployment] = []
    origins, secrets, rules = dict(plan.origins), dict(plan.secrets), dict(plan.gpu_rules)
    for deployment in plan.deployments:
        sides = []
        for side in _SIDES:
            own = [(key, value) for of, key, value in said if of == side]
            one = deployment.model_copy(update={**_changes(deployment, own), "side": side})
            if any(key.startswith("arg.") for key, _ in own) and one.runtime != "external":
                _check(one, engines, {other.backend for other in plan.deployments})
            sides.append(one)
            keys = [_plan_key(key) for key, _ in own]
            origins[one.id] = {**plan.origins.get(deployment.id, {}), **dict.fromkeys(keys, _ORIGIN)}
            hidden = {key for key in keys if "." in key and is_secret(key.partition(".")[2])}
            secrets[one.id] = plan.secrets.get(deployment.id, frozenset()) | hidden
            rules[one.id] = plan.gpu_rules.get(deployment.id, ())
        if sides[0].model_copy(update={"side": "b"}) == sides[1]:
            message = f"{_ORIGIN}: both sides of {deployment.id} are the same; {_FORM}"
            raise UsageError(message)
        deployments += sides
    return replace(plan, deployments=tuple(deployments), origins=origins, secrets=secrets, gpu_rules=rules)


def _read(spec: str) -> tuple[str, str, str]:
    side, _, rest = spec.partition("=")
    key, equals, value = rest.partition("=")
    kind, dot, name = key.partition(".")
    if side.lower() not in _SIDES or not equals or not value:
        message = f"{_ORIGIN} {spec}: {_FORM}"
        raise UsageError(message)
    if kind not in _KEYS or bool(name) != (kind in {"arg", "env"}) or bool(dot) != bool(name):
        message = (
            f"{_ORIGIN} {spec}: {key!r} is not what a side can differ in: {nearest(kind, _KEYS)} {_FORM}"
        )
        raise UsageError(message)
    return side.lower(), key, value


def _plan_key(key: str) -> str:
    return f"args.{key.removeprefix('arg.')}" if key.startswith("arg.") else key


def _changes(deployment: Deployment, said: Sequence[tuple[str, str]]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    args: dict[str, Any] = dict(deployment.args)
    env = dict(deployment.env)
    for key, value in said:
        kind, _, name = key.partition(".")
        match kind:
            case "arg":
                args[name] = yaml_scalar(value)
            case "env":
                env[name] = value
            case "url":
                changes |= {"url": server_url(value), "runtime": "external"}
            case "image":
                changes |= {"image": value, "runtime": "docker"}
            case _:
                changes[kind] = value
    return {**changes, "args": tuple(sorted(args.items())), "env": tuple(sorted(env.items()))}


def _check(one: Deployment, engines: Mapping[str, Engine], backends: Collection[str]) -> None:
    args = dict(one.args)
    try:
        engines[one.backend].check_args(args, one.runtime)
    except UsageError as error:
        able = [name for name in sorted(backends) if _accepts(engines[name], args, one.runtime)]
        only = f"; to compare those of {able[0]} alone: --bench-backend={able[0]}" if able else ""
        message = f"{_ORIGIN}: {error}{only}"
        raise UsageError(message) from error


def _accepts(engine: Engine, args: Mapping[str, Any], runtime: RuntimeName) -> bool:
    try:
        engine.check_args(args, runtime)
    except UsageError:
        return False
    return True
