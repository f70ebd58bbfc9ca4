"""What a cell is made of: what stands in its name, told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pytest_llmbench.records import ResultRecord

__all__ = ["CellParts", "parts_of"]

# The parallelism is the last thing of its form: a model or a version may be called `tp01`, too.
_PLACEMENT = re.compile(r"(?:(?P<middle>.*)\.)?(?P<placement>tp\d{2,}(?:\..*)?)")


class CellParts(BaseModel):
    """The parts of a cell. A name cannot be taken apart again: models and versions have points in them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    backend: str
    version: str | None = None
    """Only where the name tells it, because a session held two."""
    profile: str | None = None
    placement: str
    """Parallelism and GPUs: `tp02.gpux02`."""
    workload: str
    load: str
    concurrency: int | None = None
    """Streams of a closed loop; null of an open one."""


def parts_of(result: ResultRecord) -> CellParts:
    """Take a result's cell apart. The backend of a server that ran already is what it was recognised as."""
    deployment = result.deployment
    rest = deployment.id.removeprefix(f"{deployment.model}.{deployment.backend}.")
    if deployment.side:
        rest = rest.removesuffix(f".{deployment.side}")
    found = _PLACEMENT.fullmatch(rest)
    middle = (found["middle"] or "") if found else ""
    if deployment.profile:
        middle = middle.removesuffix(deployment.profile).removesuffix(".")
    engine = result.server.facts.get("engine")
    recognised = deployment.runtime == "external" and isinstance(engine, str)
    return CellParts(
        model=deployment.model,
        backend=str(engine) if recognised else deployment.backend,
        version=middle or None,
        profile=deployment.profile,
        placement=found["placement"] if found else rest,
        workload=result.workload.id,
        load=result.load.id,
        concurrency=result.load.concurrency if result.load.kind == "closed" else None,
    )
