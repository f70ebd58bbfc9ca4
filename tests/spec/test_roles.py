"""Every field of a deployment is one thing to a comparison."""

from __future__ import annotations

from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.roles import ROLES

OTHER = {
    "model": "other", "source": "o/other", "backend": "sglang", "runtime": "external", "version": "v2",
    "names_version": True, "image": "i", "image_type": "build", "profile": "debug", "tp": 2, "pp": 2, "dp": 2,
    "ep": 2, "gpus": 2, "gpu_name": "H100", "gpu_ids": ("1",), "gpu_prefer": (("0",),), "gpu_share": 0.5,
    "args": (("a", 1),), "env": (("A", "1"),), "url": "http://h", "served_model": "m", "api_key_env": "K",
    "program": "p", "extra_args": ("-x",),
    "secrets": ("S",), "volumes": ("/a:/b",), "shm_size": "1g", "memory": "1g", "ipc": "host",
    "ulimits": (("memlock", "-1"),), "build_args": (("A", "b"),), "skip": "later",
    "side": "b",
}  # fmt: skip


def test_every_field_has_one_role() -> None:
    """A new field is given its role first."""
    assert list(ROLES) != []
    assert ROLES.keys() == Deployment.model_fields.keys()


def test_the_cell_is_what_its_name_tells() -> None:
    """Fields of the cell change its name, and no others do: it names what is compared with what."""
    one = Deployment(model="m", source="o/m", backend="vllm", runtime="docker", version="v1")
    changed = {name for name, value in OTHER.items() if one.model_copy(update={name: value}).cell != one.cell}
    assert changed == {name for name, role in ROLES.items() if role == "cell"}
    assert OTHER.keys() == ROLES.keys()
