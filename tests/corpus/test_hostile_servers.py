"""Malicious replies of servers: no hang, no flood, no control characters in the terminal."""

import gzip
import json
import socket
import socketserver
import threading
import time
import traceback
import tracemalloc

import pytest

from sklearn_tai import OllamaCorpusGenerator, OpenAICorpusGenerator
from sklearn_tai.cli import cli
from sklearn_tai.corpus import Corpus
from tests.background import Background

LABELS = ["dog", "cat"]
GOOD = "A dog and a cat."


def chat(content):
    """A complete answer with this content, valid on both interfaces."""
    message = {"role": "assistant", "content": content}
    return json.dumps({"model": "m", "created_at": "2026-11-24T00:47:29Z", "done": True,
                       "message": message, "id": "1", "object": "chat.completion", "created": 1,
                       "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]},
                      ).encode()  # fmt: skip


def http(body, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json",
             f"Content-Length: {len(body)}", "Connection: close", *headers]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def dribble(start, byte=b" "):
    """Endless bytes, one every 50 ms."""
    yield start
    while True:
        time.sleep(0.05)
        yield byte


def flood(start, block=b"a" * 2**20):
    """Gigabytes."""
    yield start
    for _ in range(4000):
        yield block


OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
COMMAND = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b5m\u202eA dog\x00 and a\x08\x7f cat.\x1b[0m"
THOUGHT = "hm " * 9000
CHUNK = b"100000\r\n" + b"a" * 2**20 + b"\r\n"
# the reply, and whether it may become a caption
REPLIES = {
    "lone surrogate": (http(chat("A dog and a cat \ud83d.")), True),
    "half of an emoji": (http(chat("\udc00" + GOOD)), True),
    "only surrogates": (http(chat("\ud800" * 50)), False),
    "escape sequences": (http(chat(COMMAND)), True),
    "only escape sequences": (http(chat("\x1b[2J\x1b[H\x07")), False),
    "an escape that is cut": (http(chat(GOOD + "\x1b[")), True),
    "a title without its end": (http(chat(GOOD + "\x1b]0;" + "x" * 100)), True),
    "NUL": (http(chat("\0".join(GOOD))), True),
    "turned direction": (http(chat("\u202e\u2066" + GOOD)), True),
    "line separators": (http(chat("A dog\u2028and\x85a\x0bcat.")), True),
    "one word of a megabyte": (http(chat("a" * 2**20)), False),
    "hashtags that cost squares": (http(chat("#a" * 500_000 + "!")), False),
    "thinking without end": (http(chat("<think>" + "hm " * 500_000)), False),
    "thinking, then a caption": (http(chat("<think>\x1b[2J" + THOUGHT + "</think>" + GOOD)), True),
    "preambles in a row": (http(chat("Sure! Here is a caption: " * 20_000)), False),
    "content of another type": (http(chat({"a": 1})), False),
    "content of a list": (http(chat([GOOD])), False),
    "no content": (http(chat(None)), False),
    "no choices": (http(b'{"choices": [], "message": null}'), False),
    "deep nesting": (http(b"[" * 200_000), False),
    "a number of megabytes": (http(b"1" * 2**21), False),
    "not UTF-8": (http(b'{"message": {"content": "\xff\xfe"}}'), False),
    "NaN": (http(b"NaN"), False),
    "nothing": (b"", False),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", False),
    "HTTP 9": (b"HTTP/9.9 999 \x1b[2J\r\n\r\n", False),
    "a length that lies": (OPEN + b"Content-Length: 99999\r\n\r\n{}", False),
    "a negative length": (OPEN + b"Content-Length: -5\r\n\r\n{}", False),
    "chunks that lie": (OPEN + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}", False),
    "a bomb": (http(gzip.compress(b" " * 2**28, 1), "200 OK", "Content-Encoding: gzip"), False),
    "no gzip": (http(chat(GOOD), "200 OK", "Content-Encoding: gzip"), False),
    "headers without end": (lambda: flood(b"HTTP/1.1 200 OK\r\nX: "), False),
    "a body without end": (lambda: flood(OPEN + b"\r\n"), False),
    "chunks without end": (
        lambda: flood(OPEN + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK),
        False,
    ),
    "headers that dribble": (lambda: dribble(b"HTTP/1.1 200 OK\r\nX: ", b"a"), False),
    "a body that dribbles": (lambda: dribble(OPEN + b"Content-Length: 99999\r\n\r\n{"), False),
    "silence": (lambda: iter((time.sleep(20), b"")[1:]), False),
    "an error with commands": (http(b'{"error": "\\u001b[2J\\u0007"}', "400 Bad"), False),
    "an error of a megabyte": (http(b'{"error": "' + b"x" * 2**20 + b'"}', "400 Bad"), False),
    "a redirect to itself": (http(b"", "302 Found", "Location: /api/chat"), False),
    "a redirect to a file": (http(b"", "302 Found", "Location: file:///etc/passwd"), False),
}  # fmt: skip
NEVER_WHOLE = {"headers that dribble", "a body that dribbles", "silence"}


class HostileServer(Background):
    def __init__(self, reply):
        self._over = over = threading.Event()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (part := self.request.recv(65536)):
                        return
                    request += part
                if b"/api/show" in request:
                    self.request.sendall(http(b'{"modelfile": "", "model_info": {}}'))
                    return
                try:
                    for part in reply() if callable(reply) else [reply]:
                        if over.is_set():
                            return
                        self.request.sendall(part)
                    self.request.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # the client hung up

        super().__init__(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))

    def __exit__(self, *error):
        self._over.set()  # or its threads would go on until the tests end
        super().__exit__(*error)


def is_plain(text):
    return all(c.isprintable() for c in text) and not set(text) & set("\u202e\u2066")


@pytest.mark.filterwarnings("ignore:.* captions were dropped")
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("interface", ["ollama", "openai"])
def test_any_reply(name, interface, tmp_path):
    reply, may_be_caption = REPLIES[name]
    timeout = 0.5 if name in NEVER_WHOLE else 3
    params = {"n_texts": 1, "labels_per_text": 2, "background_share": 0, "timeout": timeout,
              "n_retries": 0, "random_state": 0, "checkpoint": tmp_path / "c.jsonl"}  # fmt: skip
    message = ""
    with HostileServer(reply) as server:
        if interface == "ollama":
            generator = OllamaCorpusGenerator("m", host=server.url, **params)
        else:
            generator = OpenAICorpusGenerator("m", base_url=server.url, api_key="k", **params)
        tracemalloc.start()
        try:
            corpus = generator.generate(LABELS)
        except (RuntimeError, ConnectionError, TimeoutError, ValueError) as error:
            corpus, message = None, "".join(traceback.format_exception(error))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2**28
    assert all(c.isprintable() or c == "\n" for c in message)
    assert len(message) < 50_000
    if corpus is None:
        assert not may_be_caption, message
        return
    assert len(corpus) == may_be_caption
    assert all(map(is_plain, corpus.texts))
    if may_be_caption:
        corpus.save(tmp_path / "corpus.jsonl")
        assert Corpus.load(tmp_path / "corpus.jsonl").texts == corpus.texts
    assert "\x1b" not in (tmp_path / "c.jsonl").read_text(encoding="utf-8")


def test_error_messages_have_no_control_characters(tmp_path):
    from click.testing import CliRunner

    body = http(b'{"error": "\\u001b[2J no \\u009b2J"}', "400 Bad")
    with HostileServer(body) as server:
        args = ["generate", "--label", "dog", "--label", "cat", "-o", str(tmp_path / "c.jsonl"),
                "--ollama", "m", "--host", server.url, "--n-texts", "1"]  # fmt: skip
        result = CliRunner().invoke(cli, args)
    assert result.exit_code == 1
    assert "[2J no" in result.stderr
    assert all(c.isprintable() or c == "\n" for c in result.stderr)
