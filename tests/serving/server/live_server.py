"""A real server on a free port in a thread, and a client that speaks plain HTTP."""

import base64
import http.client
import json
import threading
import time

from affect_tf.serving.server import running


class LiveServer:
    def __init__(self, folder, settings):
        self.lines = []
        self._socket = running.listening("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        self._server = running.Server(folder, settings, self.lines.append)
        self._thread = threading.Thread(target=self._server.run, args=[[self._socket]])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def versions(self):
        return self._server.state.versions

    def stop(self):
        self._server.should_exit = True

    def join(self):
        self._thread.join(30)

    def wait_ready(self, number=None):
        until = time.monotonic() + 60
        path = "/v2/models/affect" + (f"/versions/{number}" if number else "")
        while self.get(f"{path}/ready")[0] != 200:
            assert time.monotonic() < until, self.lines
            time.sleep(0.02)

    def request(self, method, path, body=None, headers=None):
        """Returns status, headers (names in lower case) and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        return status, json.loads(body)

    def post(self, path, value):
        status, _, body = self.request("POST", path, json.dumps(value))
        return status, json.loads(body)

    def predict(self, *pictures):
        instances = [{"b64": b64(picture)} for picture in pictures]
        return self.post("/v1/models/affect:predict", {"instances": instances})


def b64(data):
    return base64.b64encode(data).decode()
