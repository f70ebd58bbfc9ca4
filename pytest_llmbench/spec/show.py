"""The text of `--bench-show-config`: every value and where it came from."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pytest_llmbench.spec.plan import REDACTED

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.plan import Plan

__all__ = ["show"]

_WIDTH = 100
_NARROWEST = 24


def show(plan: Plan) -> str:
    """Write out the plan, one paragraph a deployment; secrets are `***`.

    Columns are aligned over all deployments and 100 wide; longer values continue below.
    """
    if not plan.deployments:
        return "no deployments"
    keys = [key for origins in plan.origins.values() for key in origins]
    origins = [origin for by_key in plan.origins.values() for origin in by_key.values()]
    key_width, origin_width = max(map(len, keys)), max(map(len, origins))
    value_width = max(_NARROWEST, _WIDTH - 2 - key_width - 2 - 2 - origin_width)
    paragraphs = []
    for deployment in plan.deployments:
        secret = plan.secrets.get(deployment.id, frozenset())
        rows = [
            (key, _wrapped(REDACTED if key in secret else _value(deployment, key), value_width), origin)
            for key, origin in plan.origins[deployment.id].items()
        ]
        paragraphs.append((deployment.id, rows))
    used = max(len(line) for _, rows in paragraphs for _, lines, _ in rows for line in lines)
    text: list[str] = []
    for name, rows in paragraphs:
        text.append(name)
        for key, (first, *more), origin in rows:
            text.append(f"  {key:<{key_width}}  {first:<{used}}  {origin}")
            text += [f"  {'':<{key_width}}  {line}" for line in more]
        text.append("")
    return "\n".join(text[:-1])


def _value(deployment: Deployment, key: str) -> str:
    section, _, name = key.partition(".")
    value: object
    if section == "args":
        value = dict(deployment.args)[name]
    elif section == "env":
        value = dict(deployment.env)[name]
    else:
        value = getattr(deployment, key.replace("-", "_"))
    if isinstance(value, tuple):
        return ", ".join(item if isinstance(item, str) else "=".join(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrapped(value: str, width: int) -> list[str]:
    return textwrap.wrap(value, width, break_on_hyphens=False) or [""]
