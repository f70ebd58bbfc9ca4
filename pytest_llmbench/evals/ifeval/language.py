"""Which language a text is in, the same answer each time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmbench.evals.needs import needed

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["detect_language"]


def detect_language(text: str) -> str | None:
    """Return the ISO 639-1 code of the likeliest language; None if the text has nothing to tell by.

    `langdetect` draws samples. Its generator is seeded for each text, in a factory of our own, so that
    neither earlier texts nor other users of the package in this process change the answer.

    Raises:
        Unavailable: `langdetect` is not installed.
    """
    langdetect, factory = _factory()
    detector = factory.create()
    try:
        detector.append(text)
        language: str = detector.detect()
    except langdetect.LangDetectException:
        return None
    return language


@cache
def _factory() -> tuple[ModuleType, Any]:
    langdetect = needed("langdetect", extra="evals")
    module = needed("langdetect.detector_factory", extra="evals")
    factory = module.DetectorFactory()
    factory.set_seed(0)
    # In the order of their names: the package itself takes them as the file system lists them.
    profiles = sorted(path for path in Path(module.PROFILES_DIRECTORY).iterdir() if path.is_file())
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in profiles])
    return langdetect, factory
