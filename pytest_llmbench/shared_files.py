"""Files that all users of a host share, and the folder where they are.

Nothing about them is trusted: a link, or anything else that is no plain file, is refused, since what is
written would end up where somebody else wants it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path

from pytest_llmbench.errors import StorageError

__all__ = ["LOCK_FOLDER", "is_current", "lock_folder", "open_shared"]

LOCK_FOLDER = "LLMBENCH_LOCK_DIR"
"""The variable that names another folder."""
_SHARED = (Path("/run/lock"), Path("/tmp"))  # noqa: S108 - what is wanted is that all users have it
_STICKY = 0o1777
_MADE_SECONDS = 1.0
_POLL_SECONDS = 0.05


def lock_folder() -> Path:
    """Return where the locks of this host are: the same for all its users, whatever their TMPDIR.

    The first folder where everybody may make files and nobody may remove those of others. /run/lock is
    preferred to /tmp: no cleaner goes through it, and no service has one of its own.
    """
    if named := os.environ.get(LOCK_FOLDER):
        return Path(named)
    return next((folder for folder in _SHARED if _is_for_all(folder)), _SHARED[-1])


def _is_for_all(folder: Path) -> bool:
    try:
        return stat.S_IMODE(folder.stat().st_mode) == _STICKY
    except OSError:
        return False


def open_shared(path: Path) -> int:
    """Open a file for reading and writing, made for all users if it is not there; its descriptor.

    Raises:
        StorageError: it cannot be, or something else is in its place.
    """
    deadline = time.monotonic() + _MADE_SECONDS
    while True:
        try:
            _make_for_all(path.parent)
            return _open(path)
        except PermissionError as error:
            # Whoever makes the file, or its folder, opens it to others in the next moment.
            if time.monotonic() >= deadline:
                raise _unusable(path, error) from error
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise _unusable(path, error) from error


def _make_for_all(folder: Path) -> None:
    """Make a folder that was named and is not there, with the rights of the usual ones."""
    if folder.is_dir():
        return
    with contextlib.suppress(FileExistsError):  # somebody else came first: theirs to open to others
        folder.mkdir(parents=True)
        folder.chmod(_STICKY)


def _open(path: Path) -> int:
    # Opened by others with O_CREAT, a file in a folder like /tmp is refused (fs.protected_regular).
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            descriptor = os.open(path, flags)
        else:
            os.fchmod(descriptor, 0o666)  # whatever the umask
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        message = "this is a link, or no file"
        raise OSError(message)
    return descriptor


def is_current(path: Path, descriptor: int) -> bool:
    """Whether a path still leads to the file that was opened: others may have removed it since."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def _unusable(path: Path, error: OSError) -> StorageError:
    message = (
        f"cannot open the lock: {error.strerror or error}; {LOCK_FOLDER} names another folder for all locks"
    )
    return StorageError(message, file=path)
