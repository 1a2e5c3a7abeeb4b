"""A server that imitates the Hugging Face hub and can fail in many ways."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub.constants as settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves files under "organisation/name/file".

    Attributes
    ----------
    files : dict of str to Path
        The files to serve, by their paths.
    trouble : dict of str to str or int
        What goes wrong, by repository: a status, "gated", "silent" (never answers),
        "drips" (slow but complete), "breaks" (each download stops half-way and can be
        resumed) or "dies" (never sends the second half).
    folder : Path or None
        Where uploaded files are stored.
    made : set of str
        Repositories that clients have created.
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
        self.folder: Path | None = None
        self.made: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def downloads(self) -> list[str]:
        """Paths of the files that were downloaded (GET, not HEAD)."""
        return [path for method, path, _ in self.requests if method == "GET"]

    def sha256(self, file: Path) -> str:
        if file not in self.hashes:
            self.hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()
        return self.hashes[file]

    def handle_error(self, request, client_address):
        """Ignore clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each body is sent 40 ms after its headers

    def log_message(self, *args: object) -> None:
        """Print nothing: the list of requests is the log."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/") and self._list_repository():
            return
        self._answer(None)

    def _list_repository(self) -> bool:
        """List the files of a repository, if it exists."""
        repo = "/".join(self.path.split("/")[3:5])
        files = {
            name.removeprefix(f"{repo}/"): file
            for name, file in self.server.files.items()
            if name.startswith(f"{repo}/")
        }
        if not files and repo not in self.server.made:
            return False
        if "/tree/" in self.path:
            of_each = [
                {"type": "file", "path": name, "size": file.stat().st_size, "oid": "0" * 40}
                for name, file in files.items()
            ]
            self._say(of_each)
        else:
            siblings = [{"rfilename": name} for name in files]
            self._say({"id": repo, "sha": COMMIT, "siblings": siblings})
        return True

    def do_POST(self) -> None:
        """The requests of an upload: create a repository, how to send files, and commit them."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        trouble = self.server.trouble.get("uploads")
        if trouble is not None:
            self._refuse(int(trouble))
        elif self.path == "/api/repos/create":
            wanted = json.loads(body)
            repo = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
            self.server.made.add(repo)
            self._say({"url": f"{self.server.url}/{repo}", "name": repo})
        elif self.path == "/api/validate-yaml":
            self._say({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            self._say(
                {
                    "files": [
                        {**file, "uploadMode": "regular", "shouldIgnore": False} for file in files
                    ]
                }
            )
        elif "/commit/" in self.path:
            repo = "/".join(self.path.split("/")[3:5])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self._keep(repo, line["value"])
                elif line["key"] == "deletedFile":
                    del self.server.files[f"{repo}/{line['value']['path']}"]
            self._say(
                {"commitUrl": f"{self.server.url}/{repo}/commit/{COMMIT}", "commitOid": COMMIT}
            )

    def _keep(self, repo: str, sent: dict[str, str]) -> None:
        file = self.server.folder / repo / sent["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(sent["content"]))
        self.server.files[f"{repo}/{sent['path']}"] = file

    def _say(self, answer: object) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, body: bytes | None) -> None:
        span = self.headers.get("Range", "")
        if "/resolve/" in self.path:  # not the other requests that the client makes now and then
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
            # the API is also asked for files that a repository need not have
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
    """Set what HF_ENDPOINT, HF_HUB_CACHE and HF_HUB_OFFLINE=0 set on import."""
    monkeypatch.setattr(settings, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(settings, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(settings, "HF_HUB_CACHE", str(cache))
    set_offline(monkeypatch, False)


def set_offline(monkeypatch, offline: bool) -> None:
    monkeypatch.setattr(settings, "HF_HUB_OFFLINE", offline)
