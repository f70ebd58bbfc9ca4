"""A cell's name as the name of a file, and back."""

from __future__ import annotations

from urllib.parse import quote, unquote

from pytest_llmbench.errors import UsageError

__all__ = ["SUFFIX", "cell_of", "file_name"]

SUFFIX = ".json"
# A file name has 255 bytes on the usual filesystems; the writer adds a few of its own meanwhile.
_LONGEST = 220


def file_name(cell: str) -> str:
    """Encode like a URL: letters, digits and `-._` stay, everything else becomes `%XX`.

    Different cells get different names, and never one that is hidden or leaves its folder. A
    `UsageError` for a cell that has no name or too long a one.
    """
    encoded = quote(cell, safe="", errors="surrogatepass").replace("~", "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if not encoded or len(encoded) > _LONGEST:
        problem = (
            "has no name" if not encoded else f"has a name of more than {_LONGEST} bytes: {cell[:60]}..."
        )
        message = f"a cell {problem}; shorten the ids of its model and workload"
        raise UsageError(message)
    return encoded + SUFFIX


def cell_of(name: str) -> str:
    """Undo `file_name`."""
    return unquote(name.removesuffix(SUFFIX), errors="surrogatepass")
