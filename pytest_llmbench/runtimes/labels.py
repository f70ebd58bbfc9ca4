"""What servers of ours are known by. Names are for people; only what is written here decides what is ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MARK", "Tag"]

MARK = "pytest-llmbench"
"""The label that makes a server, a volume or a built image ours; its value is what kind it is."""


@dataclass(frozen=True, slots=True)
class Tag:
    """What is written on a server: the labels of its container, or a variable of its process.

    Attributes:
        session: id of the session that started it.
        deployment: its id.
        owner: the process that started it.
        served_name: what the server answers to.
        kept: it is to outlive its owner, until `llmbench stop`.
        fingerprint: two with the same are the same server.
        gpus: ids of the GPUs it was given.
    """

    session: str
    deployment: str
    owner: Owner
    served_name: str
    kept: bool = False
    fingerprint: str = ""
    gpus: tuple[str, ...] = ()

    @property
    def orphaned(self) -> bool:
        """Nobody will end it: its owner is dead, and it was not to be kept."""
        return not self.kept and self.owner.lives() is False

    def labels(self) -> dict[str, str]:
        """Write it as labels."""
        return {
            MARK: "server",
            f"{MARK}.session": self.session,
            f"{MARK}.deployment": self.deployment,
            f"{MARK}.owner-pid": str(self.owner.pid),
            f"{MARK}.owner-started": self.owner.started,
            f"{MARK}.owner-boot": self.owner.boot,
            f"{MARK}.owner-place": self.owner.place,
            f"{MARK}.served-name": self.served_name,
            f"{MARK}.kept": "yes" if self.kept else "no",
            f"{MARK}.fingerprint": self.fingerprint,
            f"{MARK}.gpus": ",".join(self.gpus),
        }

    @classmethod
    def read(cls, labels: Mapping[str, str]) -> Tag | None:
        """Read it back; None for what is not one of our servers."""
        if labels.get(MARK) != "server":
            return None

        def of(name: str) -> str:
            return labels.get(f"{MARK}.{name}", "")

        pid = of("owner-pid")
        owner = Owner(
            int(pid) if pid.isdigit() else 0, of("owner-started"), of("owner-boot"), of("owner-place")
        )
        return cls(
            session=of("session"),
            deployment=of("deployment"),
            owner=owner,
            served_name=of("served-name"),
            kept=of("kept") == "yes",
            fingerprint=of("fingerprint"),
            gpus=tuple(name for name in of("gpus").split(",") if name),
        )
