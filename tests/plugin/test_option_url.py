from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_measures_servers_that_run(project: Project, engine: FakeEngine, mode: list[str]) -> None:
    """Each is a deployment under its name, none is started, and all keep running."""
    left = project(f"--bench-url=b={engine.url}", f"--bench-url=a={engine.url}/v1", *mode)
    assert left.code == 0, left.out
    assert left.report["session"]["server_starts"] == 0
    assert {result["deployment"]["id"] for result in left.results} == {
        "a.openai.tp01.gpux00",
        "b.openai.tp01.gpux00",
    }
    assert all(result["deployment"]["runtime"] == "external" for result in left.results)
    assert "servers started" not in left.out


def test_measures_a_real_one(project: Project, real_url: str) -> None:
    """A llama.cpp server, named after its address."""
    left = project(f"--bench-url={real_url}")
    left.measured()
    port = real_url.rpartition(":")[2]
    assert left.result["deployment"]["id"] == f"127.0.0.1-{port}.openai.tp01.gpux00"
    assert left.result["server"]["facts"]["engine"] == "llama"
    assert left.result["metrics"]["output_tokens"]["p50"] == 4


def test_nobody_there_is_a_setup_error(project: Project, unused_port: int) -> None:
    """The address and the cause are told, without a traceback."""
    left = project(f"--bench-url=gone=http://127.0.0.1:{unused_port}")
    assert left.code == 1
    assert "1 error" in left.out
    assert f"127.0.0.1:{unused_port}" in left.out
    assert "refused" in left.out
    assert "Traceback" not in left.out


@pytest.mark.parametrize("value", ["localhost", "http://", "ftp://x", "http://u:secret@x", "http://x?y", ""])
def test_refuses_what_is_no_address(project: Project, value: str) -> None:
    """A usage error, and credentials are not repeated."""
    left = project(f"--bench-url={value}")
    left.usage_error("--bench-url")
    assert "secret" not in left.out.replace(value, "")


def test_does_not_go_with_a_model(project: Project, engine: FakeEngine) -> None:
    """One starts servers, the other finds them."""
    project(f"--bench-url={engine.url}", "--bench-model=tiny-glm").usage_error("--bench-url NAME=URL")
