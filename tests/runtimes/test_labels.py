from __future__ import annotations

from pytest_llmbench.runtimes.labels import Tag
from pytest_llmbench.runtimes.owner import this_process


def test_labels_say_all_of_a_tag() -> None:
    """What is written on a container can be read back."""
    tag = Tag("s1", "m.llama", this_process(), "m-1234", kept=True, fingerprint="f", gpus=("GPU-1", "GPU-2"))
    assert Tag.read(tag.labels()) == tag
    assert all(isinstance(value, str) for value in tag.labels().values())


def test_what_is_not_ours_has_no_tag() -> None:
    """Neither somebody else's container nor one that merely runs an image of ours."""
    assert Tag.read({}) is None
    assert Tag.read({"pytest-llmbench": "image"}) is None
    assert Tag.read({"pytest-llmbench.session": "s1", "name": "llmbench-tiny"}) is None
