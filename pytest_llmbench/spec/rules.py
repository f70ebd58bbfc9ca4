"""The user's own rules: which combinations are not to be run, and why."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.files import Rule, When

__all__ = ["forbids", "is_gpu", "says_gpu"]

_TEXTS = ("model", "backend", "version", "runtime", "profile")
_NUMBERS = ("tp", "pp", "dp", "ep", "gpus")


def forbids(rule: Rule, deployment: Deployment) -> bool:
    """Whether everything a rule says holds for a deployment; of the GPU, only what the deployment asks for.

    A rule about a GPU that no deployment asks for by name is about the machine: see `says_gpu`.
    """
    return _matches(rule.when, deployment) and (
        rule.when.gpu is None
        or (deployment.gpu_name is not None and is_gpu(deployment.gpu_name, rule.when.gpu))
    )


def says_gpu(rule: Rule, deployment: Deployment) -> bool:
    """Whether a rule forbids a deployment some GPUs, which only the machine that has them can tell."""
    wanted = rule.when.gpu is not None and deployment.gpus > 0 and deployment.gpu_name is None
    return wanted and _matches(rule.when, deployment)


def is_gpu(name: str, wanted: tuple[str, ...]) -> bool:
    """Whether a GPU's name contains one of these, ignoring case: `NVIDIA H100 PCIe` is an `h100`."""
    return any(part.lower() in name.lower() for part in wanted)


def _matches(when: When, deployment: Deployment) -> bool:
    for key in _TEXTS:
        patterns, value = getattr(when, key), getattr(deployment, key) or ""
        if patterns is not None and not any(fnmatchcase(value, pattern) for pattern in patterns):
            return False
    for key in _NUMBERS:
        numbers = getattr(when, key)
        if numbers is not None and getattr(deployment, key) not in numbers:
            return False
    args, env = dict(deployment.args), dict(deployment.env)
    return all(name in args and _equal(args[name], value) for name, value in when.args.items()) and all(
        name in env and fnmatchcase(env[name], value) for name, value in when.env.items()
    )


def _equal(value: object, wanted: object) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return fnmatchcase(value, wanted)
    # 1 and True are equal in Python and different arguments to an engine.
    return (value, isinstance(value, bool)) == (wanted, isinstance(wanted, bool))
