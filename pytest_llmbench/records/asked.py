"""What was asked to run, what ran, and what was asked of it."""

from __future__ import annotations

from typing import Literal

from pytest_llmbench.records.base import Record, Scalar

__all__ = ["DeploymentRecord", "LoadRecord", "ServerRecord", "WorkloadRecord"]


class DeploymentRecord(Record):
    """What was asked to run; environment variables are named, never valued."""

    id: str
    model: str
    source: str
    backend: str
    version: str | None = None
    runtime: str
    profile: str | None = None
    tp: int
    pp: int
    dp: int
    ep: int
    gpus: int
    image: str | None = None
    args: dict[str, Scalar] = {}
    env: tuple[str, ...] = ()
    url: str | None = None
    side: Literal["", "a", "b"] = ""
    """Of an A/B."""


class ServerRecord(Record):
    """What ran: facts the server reported."""

    served_model: str
    ready_s: float
    facts: dict[str, Scalar] = {}
    log: str | None = None


class WorkloadRecord(Record):
    """What was asked of the server."""

    id: str
    input_tokens: int | None
    output_tokens: int
    endpoint: str
    temperature: float
    seed: int


class LoadRecord(Record):
    """The load shape.

    A closed loop keeps `concurrency` requests under way. An open loop sends them by a schedule, of which
    `arrivals` is the process and what it was drawn with; `concurrency` is then the most under way, 0 for any
    number.
    """

    kind: Literal["closed", "open"]
    id: str
    concurrency: int
    requests: int
    warmup: int
    duration_s: float | None = None
    arrivals: dict[str, Scalar] | None = None
