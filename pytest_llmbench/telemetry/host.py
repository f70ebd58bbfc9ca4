"""What of a host's settings changes how fast it computes; from files, nothing is asked that can hang."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HostState", "read_host"]

_ROOT = Path("/")
_CPU = "sys/devices/system/cpu"


@dataclass(frozen=True, slots=True)
class HostState:
    """Settings of a host; None for what it does not tell.

    `governor` is how the kernel chooses the cores' clocks, `turbo` whether they may go beyond the nominal
    one, `smt` whether a core runs two threads, `numa_nodes` how many parts the memory has, and `cpu_limit`
    how many cores' time this process may use, whatever it sees.
    """

    governor: str | None = None
    turbo: bool | None = None
    smt: bool | None = None
    numa_nodes: int | None = None
    cpu_limit: float | None = None


def read_host(root: Path = _ROOT) -> HostState:
    """Read what the kernel below `root` tells."""
    no_turbo = _flag(root / _CPU / "intel_pstate/no_turbo")
    governors = {_text(file) for file in root.glob(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_governor")}
    return HostState(
        governor=", ".join(sorted(governors - {""})) or None,
        turbo=_flag(root / _CPU / "cpufreq/boost") if no_turbo is None else not no_turbo,
        smt=_flag(root / _CPU / "smt/active"),
        numa_nodes=len(list(root.glob("sys/devices/system/node/node[0-9]*"))) or None,
        cpu_limit=min(_cpu_limits(root), default=None),
    )


def _cpu_limits(root: Path) -> Iterator[float]:
    """Find the limits of the groups this process is in: each holds what is below it."""
    groups = root / "sys/fs/cgroup"
    for folder in _groups(groups, _text(root / "proc/self/cgroup")):
        quota = re.fullmatch(r"(\d+) (\d+)", _text(folder / "cpu.max"))
        if quota:
            yield int(quota[1]) / int(quota[2])
        # The first version of groups; -1 is no limit.
        old = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if all(text.isdigit() for text in old):
            yield int(old[0]) / int(old[1])


def _groups(groups: Path, memberships: str) -> Iterator[Path]:
    """List a process's folders from the root of the groups; a container may see no more than that."""
    for line in ("0::/", *memberships.splitlines(), "1:cpu:/"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = groups / "cpu" if controllers else groups
        folder = top / path.lstrip("/")
        yield from (folder, *(parent for parent in folder.parents if parent.is_relative_to(top)))


def _flag(path: Path) -> bool | None:
    return {"0": False, "1": True}.get(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
