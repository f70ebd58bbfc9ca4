"""A server that speaks the hub's API, for `huggingface_hub` itself to talk to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COMMIT", "Hub", "hub"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server has, and what it was asked for.

    `files` by repository and name; `gated` ones want a token. The first transfer of a larger file is cut
    after `cut_after` bytes, or goes no further after `stall_after` until `go_on` is set. `requests` are those
    for files' contents: (path, range).
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_after: int | None = None
    stall_after: int | None = None
    stalled: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def hub() -> Iterator[Hub]:
    """Serve a hub while the context lasts."""
    state = Hub()

    class Handler(_Handler):
        has = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    has: Hub

    def do_HEAD(self) -> None:
        """Tell what a file is, without it."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """Give a file, part of one, or what is known of a repository."""
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = api or file
        repo = found[1] if found else ""
        if found is None or repo not in self.has.files:
            self._refuse(401, "RepoNotFound")  # as the hub says to strangers
        elif repo in self.has.gated and not self.headers.get("Authorization"):
            self._refuse(401, "GatedRepo")
        elif (found[2] or "main") not in {"main", COMMIT}:
            self._refuse(404, "RevisionNotFound")
        elif api:
            self._describe(repo)
        elif file and file[3] in self.has.files[repo]:
            self._send_file(path, self.has.files[repo][file[3]], body=body)
        else:
            self._refuse(404, "EntryNotFound")

    def _describe(self, repo: str) -> None:
        siblings = [
            {"rfilename": name, "size": len(data), "blobId": hashlib.sha256(data).hexdigest()}
            for name, data in self.has.files[repo].items()
        ]
        answer = json.dumps({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _send_file(self, path: str, data: bytes, *, body: bool) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked and body else 0
        self.send_response(206 if asked and body else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - start))
        if asked and body:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return
        self.has.requests.append((path, asked))
        if self.has.cut_after is not None and not start and len(data) > self.has.cut_after:
            self.wfile.write(data[: self.has.cut_after])
            self.wfile.flush()
            self.has.cut_after = None
            self.close_connection = True
            return
        if self.has.stall_after is not None and not start and len(data) > self.has.stall_after:
            self.wfile.write(data[: self.has.stall_after])
            self.wfile.flush()
            self.has.stalled.set()
            self.has.go_on.wait(60)
            self.close_connection = True
            return
        with contextlib.suppress(OSError):  # they hung up
            self.wfile.write(data[start:])

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
