"""A local HTTP server that answers like Ollama 0.9.3, on both of its interfaces.

Status codes, content types, fields and error texts were recorded from a real server.
The test decides what the "model" says and when it fails.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.background import Background

MODEL = "smollm2:135m"


def caption_of(messages):
    """The reply of an obedient model: a sentence with the words of the instruction."""
    first = next(m["content"] for m in messages if m["role"] == "user")
    words = first.split("contains ")[-1].rstrip(".")
    n = sum(m["role"] == "assistant" for m in messages)
    return f"A picture of {words}." if n == 0 else f"Another picture, number {n}, of {words}."


class OllamaServer(Background):
    """Use as a context manager; `url` is where it listens.

    Parameters
    ----------
    reply : callable, default=caption_of
        Takes the messages and returns the text of the reply.
    failures : list, default=()
        How the first chat requests fail: an int is a status, "drop" closes the connection
        half-way, "hang" waits for 2 seconds, "garbage" is not JSON.
    delay : float, default=0
        Seconds before each reply.
    """

    def __init__(self, reply=caption_of, failures=(), delay=0.0):
        self.reply, self.failures, self.delay = reply, list(failures), delay
        self.requests = []  # bodies of the chat requests
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each body is sent 40 ms after its headers

            def log_message(self, *args):
                pass

            def do_GET(self):
                if self.path == "/api/tags":
                    self._send(200, {"models": [{"name": MODEL, "model": MODEL}]})
                else:
                    self._send(404, "404 page not found", "text/plain")

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length))
                owner._answer(self, body)

            def _send(self, status, body, kind="application/json; charset=utf-8"):
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Handler))

    def _answer(self, handler, body):
        known = body.get("model") == MODEL
        if handler.path == "/api/show":
            if known:
                handler._send(200, {"modelfile": "# Modelfile", "model_info": {}})
            else:
                handler._send(404, {"error": f"model '{body.get('model')}' not found"})
            return
        openai = handler.path == "/v1/chat/completions"
        if not openai and handler.path != "/api/chat":
            handler._send(404, "404 page not found", "text/plain")
            return
        with self._lock:
            self.requests.append(body)
            failure = self.failures.pop(0) if self.failures else None
        if not known:
            failure, message = 404, f'model "{body.get("model")}" not found, try pulling it first'
        else:
            message = "server busy, please try again.  maximum pending requests exceeded"
        if isinstance(failure, int):
            error = {"message": message, "type": "api_error", "param": None, "code": None}
            handler._send(failure, {"error": error if openai else message})
            return
        time.sleep(2 if failure == "hang" else self.delay)
        if failure == "drop":  # as if the server were killed during a reply
            handler.send_response(200)
            handler.send_header("Content-Length", "500")
            handler.end_headers()
            handler.wfile.write(b'{"model":"')
            handler.close_connection = True
            return
        if failure == "garbage":
            handler._send(200, "<html>502 Bad Gateway</html>", "text/html")
            return
        text = self.reply(body["messages"])
        if body.get("format") or body.get("response_format"):
            text = json.dumps({"caption": text})
        message = {"role": "assistant", "content": text}
        if openai:
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
            reply = {"id": "chatcmpl-868", "object": "chat.completion", "created": 1795481250,
                     "model": MODEL, "choices": [choice], "usage": usage}  # fmt: skip
        else:
            reply = {"model": MODEL, "created_at": "2026-11-24T00:47:29.952184268Z",
                     "message": message, "done_reason": "stop", "done": True,
                     "total_duration": 47608142, "eval_count": 3}  # fmt: skip
        handler._send(200, reply)
