"""A server with the layout of the Hugging Face hub, which can also go wrong in many ways."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub.constants as settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves files by "organisation/name/file".

    Attributes
    ----------
    files : dict of str to Path
        What there is.
    trouble : dict of str to str or int
        By repository, what goes wrong there: a status, "gated", "silent" (never answers),
        "drips" (slow, but whole), "breaks" (each download stops half-way, and goes on
        where it is asked to) or "dies" (no byte beyond the half).
    requests : list of (str, str, str)
        Method, path and range of each request for a file.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Path] = {}
        self.trouble: dict[str, str | int] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.hashes: dict[Path, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def downloads(self) -> list[str]:
        """Paths of the files that were asked for, not only about."""
        return [path for method, path, _ in self.requests if method == "GET"]

    def sha256(self, file: Path) -> str:
        if file not in self.hashes:
            self.hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()
        return self.hashes[file]

    def handle_error(self, request, client_address):
        """A client that hangs up is none of the server's business."""


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Nothing: the list of requests is the log."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, body: bytes | None) -> None:
        span = self.headers.get("Range", "")
        if "/resolve/" in self.path:  # the client asks for more, once in a while
            self.server.requests.append((self.command, self.path, span))
        organisation, name, _, _, *rest = [*self.path.strip("/").split("/"), "", "", "", ""]
        repo, file = f"{organisation}/{name}", "/".join(rest).rstrip("/")
        trouble = self.server.trouble.get(repo)
        if trouble == "silent":
            time.sleep(30)
            return
        if trouble == "gated":
            self._refuse(403, "GatedRepo")
        elif isinstance(trouble, int):
            self._refuse(trouble)
        elif f"{repo}/{file}" in self.server.files:
            self._send(self.server.files[f"{repo}/{file}"], span, trouble)
        else:
            # the API is asked for lists of files that a repository may lack
            known = organisation == "api" or any(
                path.startswith(f"{repo}/") for path in self.server.files
            )
            self._refuse(404, "EntryNotFound" if known else "RepoNotFound")

    def _refuse(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, file: Path, span: str, trouble: str | int | None) -> None:
        size = file.stat().st_size
        start = int(span.removeprefix("bytes=").split("-")[0]) if span else 0
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("ETag", f'"{self.server.sha256(file)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = size // 2 if trouble == "dies" or (trouble == "breaks" and not span) else size
        with file.open("rb") as stream:
            stream.seek(start)
            while start < end and (block := stream.read(min(2**20, end - start))):
                if trouble == "drips":
                    time.sleep(0.01)
                self.wfile.write(block)
                start += len(block)
        if end < size:
            self.close_connection = True


@contextlib.contextmanager
def serve_hub() -> Iterator[HubServer]:
    server = HubServer()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def use_hub(monkeypatch, url: str, cache: Path) -> None:
    """What the variables HF_ENDPOINT, HF_HUB_CACHE and HF_HUB_OFFLINE=0 set at import."""
    monkeypatch.setattr(settings, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(settings, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(settings, "HF_HUB_CACHE", str(cache))
    set_offline(monkeypatch, False)


def set_offline(monkeypatch, offline: bool) -> None:
    monkeypatch.setattr(settings, "HF_HUB_OFFLINE", offline)
