"""Enough file descriptors, or a word about it."""

from __future__ import annotations

import resource

import pytest

from pytest_llmbench.client.descriptors import demand_descriptors, raise_limit
from pytest_llmbench.errors import MeasurementError
from tests.client.asking import carry_out, plan


@pytest.mark.parametrize(("permitted", "enough"), [(2064, True), (2063, False), (-1, True)])
def test_streams_and_some(monkeypatch: pytest.MonkeyPatch, permitted: int, *, enough: bool) -> None:
    """Each stream needs a descriptor, and the process some of its own; without a limit all is well."""
    limit = resource.RLIM_INFINITY if permitted < 0 else permitted
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    if enough:
        demand_descriptors(2000)
        return
    with pytest.raises(MeasurementError) as caught:
        demand_descriptors(2000)
    assert str(caught.value) == (
        "2000 streams need 2064 file descriptors, 2063 are permitted: raise the hard limit (ulimit -Hn)"
        " or ask for at most 1999 streams"
    )


def test_nothing_is_sent_if_there_are_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that needs more connections than there can be fails before it begins."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    with pytest.raises(MeasurementError, match=r"^50 streams need 114 file descriptors"):
        carry_out(plan("http://no.such.invalid", 50, concurrency=50))


def test_soft_limit_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The soft limit becomes the hard one, which needs no permission."""
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: calls.append(limits))
    raise_limit()
    assert calls == [(20_000, 20_000)]


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_limit_that_cannot_be_raised(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """A system that names a limit it does not grant, such as macOS, is left as it is."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_limit()
