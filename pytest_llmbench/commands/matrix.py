"""`llmbench matrix`: what would be run, and what would not and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_llmbench.commands.engines import ask_pytest
from pytest_llmbench.commands.planned import add_config
from pytest_llmbench.counting import counted
from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.files import json_text
from pytest_llmbench.planning import read_plan
from pytest_llmbench.settings import Settings
from pytest_llmbench.spec.plan import Plan
from pytest_llmbench.spec.show import show

if TYPE_CHECKING:
    import argparse

    import pytest

    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.plan import Dropped

__all__ = ["Matrix"]

_LISTS = (
    ("model", "NAME", "these models of the configuration, a GGUF path or a hub id"),
    ("backend", "NAME", "on these backends"),
    ("backend-version", "[BACKEND=]VERSION", "in these versions"),
    ("profile", "NAME", "in these profiles; plain is without one"),
    ("tp", "N|auto", "with this tensor parallelism"),
    ("gpus", "N[xMODEL]", "on so many GPUs"),
)


class Matrix:
    """Prints the matrix, touching nothing: no GPU is looked for, nothing started or downloaded."""

    name = "matrix"
    summary = "print every combination that would be run, and those that would not"
    description = """\
Print the deployments that files and arguments come to, in the order in which they would
run, and the combinations that were dropped, with the arithmetic or the rule that says so.
What holds for pytest in this folder holds here: LLMBENCH_* variables, ini files, `options:`.
No GPU or daemon is asked, nothing is started or downloaded.

  llmbench matrix                                    all of the configuration
  llmbench matrix --model qwen3-8b --tp 1,2,3 --gpus 4
  llmbench matrix --why qwen3-8b.vllm.tp03.gpux03    where its values are from, or why not
  llmbench matrix --json | jq '.dropped[].reason'    for other programs"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what is selected, which are pytest's options of these names, and how to show it."""
        for name, metavar, text in _LISTS:
            parser.add_argument(
                f"--{name}", metavar=metavar, action="append", default=[], help=f"{text}; as --bench-{name}"
            )
        add_config(parser)
        parser.add_argument("--why", metavar="ID", help="explain one deployment, or why it is dropped")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        """Resolve and print.

        Raises:
            UsageError: a file or an argument is wrong, or there is no deployment of that id.
        """
        given = [(name, text) for name, *_ in _LISTS for text in getattr(arguments, name.replace("-", "_"))]
        given += [("config", str(path)) for path in arguments.config]
        plan = ask_pytest(_plan, *(f"--bench-{name}={text}" for name, text in given))
        if arguments.why:
            sys.stdout.write(_why(plan, arguments.why) + "\n")
        elif arguments.json:
            sys.stdout.write(json_text(_document(plan), indent=2))
        else:
            sys.stdout.write(_table(plan))
        return 0


def _plan(config: pytest.Config) -> Plan:
    return read_plan(Settings(config), config.rootpath)[0]


def _table(plan: Plan) -> str:
    width = max((len(one.id) for one in (*plan.deployments, *_dropped(plan))), default=0)
    lines = [
        f"{one.id:<{width}}  {one.runtime:<8}  {one.version or ''}".rstrip()
        + (f"  skipped: {one.skip}" if one.skip else "")
        for one in plan.deployments
    ]
    if plan.dropped:
        lines += ["", "dropped:"]
        lines += [f"{one.deployment.id:<{width}}  {_reason(one)}" for one in plan.dropped]
    lines += ["", f"{counted(len(plan.deployments), 'deployment')}, {len(plan.dropped)} dropped"]
    lines += ["nothing is left to run: pytest refuses this selection"] if _nothing_left(plan) else []
    lines += [""]
    return "\n".join(lines)


def _why(plan: Plan, name: str) -> str:
    """Show one deployment's values, after the reason why it is not run."""
    known = {one.id: one for one in (*plan.deployments, *_dropped(plan))}
    if name not in known:
        message = f"no combination is called {name!r}: {nearest(name, known)}"
        raise UsageError(message)
    one = Plan((known[name],), {name: plan.origins[name]}, {name: plan.secrets[name]})
    reasons = [f"dropped: {_reason(dropped)}" for dropped in plan.dropped if dropped.deployment.id == name]
    rules = [
        f"not on {', '.join(rule.when.gpu or ())}: {rule.reason}" for rule in plan.gpu_rules.get(name, ())
    ]
    return "\n".join([*reasons, *rules, show(one)])


def _document(plan: Plan) -> dict[str, Any]:
    def described(deployment: Deployment) -> dict[str, Any]:
        fields = plan.redacted(deployment).model_dump(mode="json", exclude={"names_version"})
        return {"id": deployment.id, **fields, "args": dict(fields["args"]), "env": dict(fields["env"])}

    return {
        "deployments": [described(one) for one in plan.deployments],
        "dropped": [
            {**described(one.deployment), "reason": one.reason, "origin": one.origin or None}
            for one in plan.dropped
        ],
    }


def _nothing_left(plan: Plan) -> bool:
    return bool(plan.dropped) and not plan.deployments


def _dropped(plan: Plan) -> tuple[Deployment, ...]:
    return tuple(one.deployment for one in plan.dropped)


def _reason(dropped: Dropped) -> str:
    return f"{dropped.reason} ({dropped.origin})" if dropped.origin else dropped.reason
