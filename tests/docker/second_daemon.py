"""A Docker daemon beside the first one, which may be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from pytest_llmbench.runtimes.containers.daemon import daemon_answers, sdk

__all__ = ["SecondDaemon"]

_BRIDGE = "llmbench-test0"
# NVIDIA's container toolkit puts a program of this name in the daemon's way; it is told where the container's
# configuration is, and reads there which GPUs to put into it. This one keeps what it was told.
_HOOK = """#!/bin/sh
bundle=$(sed 's/.*"bundle": *"\\([^"]*\\)".*/\\1/')
cp "$bundle/config.json" "{told}/$(basename "$bundle").json"
"""


class SecondDaemon:
    """Has a data folder, a socket and a bridge of its own between `with` and its end.

    It takes requests for NVIDIA's GPUs, and has none: `told` tells what their hook was told.
    """

    def __init__(self) -> None:
        # Paths of sockets must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="lb", dir="/var/tmp"))
        hook = self._folder / "nvidia-container-runtime-hook"
        hook.write_text(_HOOK.format(told=self._folder))
        hook.chmod(0o755)
        self.url = f"unix://{self._folder}/docker.sock"

    @staticmethod
    def missing() -> bool:
        """Whether there can be none here."""
        return os.geteuid() != 0 or not (shutil.which("dockerd") and shutil.which("ip"))

    def __enter__(self) -> Self:
        subprocess.run(["ip", "link", "add", _BRIDGE, "type", "bridge"], check=True)
        subprocess.run(["ip", "addr", "add", "172.31.251.1/24", "dev", _BRIDGE], check=True)
        subprocess.run(["ip", "link", "set", _BRIDGE, "up"], check=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(120)
        subprocess.run(["ip", "link", "delete", _BRIDGE], check=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, for the first time or again, and wait until it answers."""
        folder = self._folder
        (folder / "docker.pid").unlink(missing_ok=True)
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                    *("--pidfile", str(folder / "docker.pid"), "--host", self.url),
                    *("--bridge", _BRIDGE, "--iptables=false", "--ip-masq=false"),
                    # By default it tries five times, for 75 seconds.
                    *("--max-download-attempts", "1"),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
            )
        while not daemon_answers(self.url):
            assert self._process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            time.sleep(0.1)

    def kill(self) -> None:
        """Let it crash: its containers run on."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        (self._folder / "docker.sock").unlink(missing_ok=True)

    def told(self, container: str) -> dict[str, str] | None:
        """Return the variables of a container that NVIDIA's hook was shown; None if it was not asked.

        Of two values the last: so the hook takes them.
        """
        path = self._folder / f"{container}.json"
        if not path.exists():
            return None
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return dict(pair.partition("=")[::2] for pair in document["process"]["env"])

    def load(self, images: bytes) -> None:
        """Give it saved images."""
        sdk().DockerClient(base_url=self.url).images.load(images)
