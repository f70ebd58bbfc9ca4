from __future__ import annotations

from pytest_llmbench.models.cache import cache_dir
from pytest_llmbench.runtimes.containers.seen import note_digest


def test_a_tag_that_was_moved_is_noticed_once() -> None:
    """The first sight of a tag says nothing, the next with another digest says which it was."""
    assert note_digest("r/moved:1", "sha256:a") is None
    assert note_digest("r/moved:1", "sha256:a") is None
    assert note_digest("r/moved:1", "sha256:b") == "sha256:a"
    assert note_digest("r/moved:1", "sha256:b") is None


def test_a_digest_cannot_be_moved() -> None:
    """A reference by digest is not remembered."""
    assert note_digest("r/x@sha256:a", "sha256:a") is None
    assert "r/x@sha256:a" not in (cache_dir() / "images.json").read_text()


def test_a_broken_memory_is_begun_anew() -> None:
    """What cannot be read is overwritten."""
    (cache_dir() / "images.json").write_text("{")
    assert note_digest("r/x:1", "sha256:a") is None
    assert note_digest("r/x:1", "sha256:b") == "sha256:a"
