"""The truth server's program: compiled when it is first needed, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pytest_llmbench.errors import StorageError, Unavailable
from pytest_llmbench.models.cache import cache_dir

__all__ = ["SOURCE", "truth_server"]

SOURCE = Path(__file__).with_name("truth_server.c")

_FLAGS = ("-std=c11", "-O2")
_LIBRARIES = ("-lm",)
_SHOWN_LINES = 5


def truth_server() -> Path:
    """Return the program, compiling it unless the cache has it for this source, compiler and machine.

    `CC` names the compiler, with arguments if it needs some.

    Raises:
        Unavailable: this is not Linux, there is no C compiler, or the source does not compile here.
        StorageError: the cache cannot be written.
    """
    if sys.platform != "linux":
        message = "the truth server needs Linux (epoll and the kernel's receive stamps)"
        raise Unavailable(message)
    compiler = _compiler()
    wanted = repr((SOURCE.read_bytes(), compiler, _FLAGS, platform.machine(), platform.libc_ver()))
    program = cache_dir() / "truth-server" / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    if not program.exists():
        _compile(compiler, program)
    return program


def _compiler() -> tuple[str, ...]:
    """The compiler's command, found on the path."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        found = shutil.which(command[0])
        if found is not None:
            return (found, *command[1:])
    missing = f"there is no {named[0]}, which CC names" if named else "there is no C compiler"
    message = f"the truth server is compiled on first use, and {missing}; install gcc or clang"
    raise Unavailable(message)


def _compile(compiler: tuple[str, ...], program: Path) -> None:
    """Compile beside the final place and rename: two that compile at once do not see half of the other's."""
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent, prefix=".building-") as folder:
            built = Path(folder) / "truth_server"
            command = [*compiler, *_FLAGS, "-o", str(built), str(SOURCE), *_LIBRARIES]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                shown = "\n".join(result.stderr.strip().splitlines()[:_SHOWN_LINES])
                message = f"the truth server does not compile here: {shlex.join(command)}\n{shown}"
                raise Unavailable(message)
            built.replace(program)
    except OSError as error:
        message = f"cannot build the truth server here: {error.strerror or error}"
        raise StorageError(message, file=program) from error
