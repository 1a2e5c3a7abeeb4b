"""Run a test's server in a thread of this process."""

import threading


class Background:
    """Context manager that serves while its block runs.

    Parameters
    ----------
    server : socketserver.ThreadingTCPServer or similar
        Already bound to a port of 127.0.0.1.
    """

    def __init__(self, server):
        self._server = server
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
