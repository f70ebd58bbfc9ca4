"""A registry of images on this host."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Registry"]


class Registry:
    """Runs Debian's `docker-registry` on a port of its own between `with` and its end."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._config = folder / "registry.yml"
        self._config.write_text(
            f"""
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: {self.address}}}
"""
        )

    @staticmethod
    def missing() -> bool:
        """Whether the program is not installed here."""
        return shutil.which("docker-registry") is None

    def __enter__(self) -> Self:
        command = ["docker-registry", "serve", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                httpx.get(f"http://{self.address}/v2/")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go down at once, whatever is under way."""
        self._process.kill()
        self._process.wait()
