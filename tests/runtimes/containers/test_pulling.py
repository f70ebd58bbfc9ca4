from __future__ import annotations

from pytest_llmbench.runtimes.containers.pulling import PullProgress


def test_layers_add_up() -> None:
    """Those that have told their size, whether they are under way or done; else what happens is told."""
    progress = PullProgress()
    mib = 2**20
    assert progress.add({"status": "Pulling from x"}) == "pulling from x"
    one = {"status": "Downloading", "id": "a", "progressDetail": {"current": 10 * mib, "total": 40 * mib}}
    assert progress.add(one) == "10 MiB of 40 MiB"
    two = {"status": "Downloading", "id": "b", "progressDetail": {"current": 0, "total": 2048 * mib}}
    assert progress.add(two) == "10 MiB of 2.0 GiB"
    assert progress.add({"status": "Download complete", "id": "a"}) == "40 MiB of 2.0 GiB"
    assert progress.add({"status": "Pull complete", "id": "b"}) == "pull complete"
