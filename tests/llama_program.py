"""A `llama-server` to start as a local process: the wheel's, behind the real one's command line.

It knows the few arguments that tests give it; the key comes by the variable that the real one takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

__all__ = ["write_program"]


def write_program(path: Path) -> Path:
    """Write it as a program that can be started by its path."""
    here = str(Path(__file__).resolve())
    path.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({here!r}, run_name='__main__')\n")
    path.chmod(0o755)
    return path


def serve() -> None:
    """Serve until it is ended."""
    import xllamacpp  # noqa: PLC0415 - the tests that only write it need none

    from pytest_llmbench.backends.llama_args import LLAMA_ARGS  # noqa: PLC0415
    from pytest_llmbench.runtimes.embedded_child import parameters  # noqa: PLC0415

    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model")
    parser.add_argument("--alias")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--ctx-size", type=int, default=1024)
    given, _ = parser.parse_known_args()
    args = {"threads": given.threads, "parallel": given.parallel, "ctx-size": given.ctx_size}
    settings = parameters(
        xllamacpp,
        {
            "model": given.model,
            "alias": given.alias,
            "host": given.host,
            "port": given.port,
            "gpus": 0,
            "settings": [LLAMA_ARGS[name].setting(value) for name, value in args.items()],
            "api_key": os.environ.get("LLAMA_API_KEY"),
            "report_fd": -1,
            "parent": 0,
        },
    )
    server = xllamacpp.Server(settings)
    sys.stdout.write(f"listening at {server.listening_address}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    serve()
