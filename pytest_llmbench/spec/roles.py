"""What each field of a deployment is to a comparison: of the cell, a condition, of the treatment, or neither.

The cell is what is compared with what, and has its own baseline; conditions must match; the treatment may
differ, and is what a comparison is about. How a server is reached is none of these.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROLES", "Role"]

Role = Literal["cell", "conditions", "treatment", "access"]

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "model": "cell",
        "backend": "cell",
        "profile": "cell",
        "tp": "cell",
        "pp": "cell",
        "dp": "cell",
        "ep": "cell",
        "gpus": "cell",
        "gpu_name": "cell",
        "gpu_ids": "cell",
        "gpu_share": "cell",
        # In an id only where a session has two versions; else a new engine would be another cell.
        "names_version": "cell",
        # Which of the host's GPUs it came to: their model, power limit and link are compared.
        "gpu_prefer": "conditions",
        "runtime": "treatment",
        "source": "treatment",
        "version": "treatment",
        "image": "treatment",
        "image_type": "treatment",
        "args": "treatment",
        "program": "treatment",
        "extra_args": "treatment",
        "env": "treatment",
        "secrets": "treatment",
        "volumes": "treatment",
        "shm_size": "treatment",
        "memory": "treatment",
        "ipc": "treatment",
        "ulimits": "treatment",
        "build_args": "treatment",
        "url": "access",
        "served_model": "access",
        "api_key_env": "access",
        "skip": "access",
        # Both sides of an A/B are the same cell; what one has otherwise is the treatment.
        "side": "access",
    }
)
"""Every field of a deployment, once."""
