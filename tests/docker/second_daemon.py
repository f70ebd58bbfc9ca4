"""A Docker daemon beside the first one, which may be killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from pytest_llmbench.runtimes.containers.daemon import daemon_answers, sdk

__all__ = ["SecondDaemon"]

_BRIDGE = "llmbench-test0"


class SecondDaemon:
    """Has a data folder, a socket and a bridge of its own between `with` and its end.

    `programs` is a folder whose programs it finds before those of the host.
    """

    def __init__(self, programs: Path | None = None) -> None:
        self._path = os.pathsep.join(filter(None, (str(programs or ""), os.environ.get("PATH"))))
        # Paths of sockets must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="lb", dir="/var/tmp"))
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
        self._process.wait(30)
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
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": self._path},
            )
        while not daemon_answers(self.url):
            assert self._process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            time.sleep(0.1)

    def kill(self) -> None:
        """Let it crash: its containers run on."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        (self._folder / "docker.sock").unlink(missing_ok=True)

    def load(self, images: bytes) -> None:
        """Give it saved images."""
        sdk().DockerClient(base_url=self.url).images.load(images)
