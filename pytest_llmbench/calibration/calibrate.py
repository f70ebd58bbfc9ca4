"""The client at rising load, and what is kept of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_llmbench.calibration.figures import ACCURATE_P99, LevelFigures, carried_rate
from pytest_llmbench.calibration.level import measure_level, most_streams, requests_for
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.counting import counted
from pytest_llmbench.files import json_text, make_folder, write_atomically
from pytest_llmbench.reports.environment import collect_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pytest_llmbench.calibration.server import Behaviour
    from pytest_llmbench.client.plan import Progress

__all__ = ["DEFAULT_LEVELS", "SCHEMA", "Calibration", "calibrate", "calibration_path", "save_calibration"]

SCHEMA = "llmbench-calibration/1"

DEFAULT_LEVELS = (1, 16, 64, 256, 512, 1024, 2048)

_HOPELESS = 0.5
"""Share of the ideal rate below which more streams cannot be served either."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one `llmbench calibrate-client` found on this host."""

    started_at: datetime
    behaviour: Behaviour
    seconds: float
    levels: tuple[LevelFigures, ...]
    notes: tuple[str, ...]

    @property
    def carried_rate(self) -> float | None:
        """Highest chunk rate that was stamped accurately."""
        return carried_rate(self.levels)

    def document(self) -> dict[str, Any]:
        """Return what is stored: durations in seconds, rates in chunks a second."""
        return {
            "schema": SCHEMA,
            "started_at": self.started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "environment": collect_environment({}).model_dump(mode="json"),
            "server": dataclasses.asdict(self.behaviour),
            "seconds_a_level": self.seconds,
            "accurate_p99": ACCURATE_P99,
            "carried_chunk_rate": self.carried_rate,
            "levels": [dataclasses.asdict(level) for level in self.levels],
            "notes": list(self.notes),
        }


def calibrate(
    levels: Sequence[int],
    *,
    seconds: float,
    behaviour: Behaviour,
    on_progress: Callable[[int, Progress], None] = lambda _, __: None,
) -> Calibration:
    """Measure each level for about that long, the lowest first, as far as this host goes.

    Raises:
        Unavailable: there can be no truth server here.
        MeasurementError: the load generator failed.
    """
    started_at = datetime.now(UTC)
    found: list[LevelFigures] = []
    notes: list[str] = []
    most = most_streams()
    with contextlib.closing(LoadGenerator()) as generator:
        for streams in sorted(set(levels)):
            if streams > most:
                notes.append(
                    f"{streams} streams need more open files than this host permits ({most} streams)"
                )
                continue
            if found and found[-1].delivered < _HOPELESS:
                notes.append(f"{streams} streams were left out: this host did not carry {found[-1].streams}")
                continue
            found.append(
                measure_level(
                    generator,
                    streams,
                    requests=requests_for(streams, seconds, behaviour),
                    behaviour=behaviour,
                    on_progress=partial(on_progress, streams),
                )
            )
    notes += _findings(found)
    return Calibration(started_at, behaviour, seconds, tuple(found), tuple(notes))


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write the document; a `StorageError` names the path."""
    write_atomically(path, json_text(calibration.document(), indent=2))


def calibration_path(folder: Path, started_at: datetime, of: str = "") -> Path:
    """Return where one belongs: a folder of its own beside the sessions, which git leaves alone."""
    ignore = make_folder(folder) / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, "*\n")
    return folder / f"{of}{started_at:%Y%m%dT%H%M%SZ}-{os.getpid()}.json"


def _findings(levels: Iterable[LevelFigures]) -> list[str]:
    """Say what should not be."""
    notes = []
    for level in levels:
        streams = counted(level.streams, "stream")
        if level.outside_share:
            notes.append(
                f"{streams}: {level.outside_share:.2%} of chunks arrived outside of their"
                " stated uncertainty; this is a fault of the client, please report it"
            )
        if level.failed:
            notes.append(f"{streams}: {level.failed} of {counted(level.requests, 'request')} failed")
        if level.unmatched > level.failed:
            notes.append(
                f"{streams}: {counted(level.unmatched - level.failed, 'answer')} had other chunks"
                " than were sent"
            )
    return notes
