"""Hostile requests against a running server: answers, its memory, and good requests.

  python -m benchmarks.server_hostile --model=runs/mine/export --requests=2000

Prints how many were answered by what status, every request that was not refused with a
4xx and a reason, the server's resident memory before, after and at its highest, and how
many of the good requests that were sent all the while were answered. Ends with 1 if one
was not.
"""

from __future__ import annotations

import collections
import http.client
import json
import pathlib
import re
import sys
import threading
import time
from concurrent import futures

from absl import app
from absl import flags

from benchmarks import served
from tests.serving.server import hostile_requests
from tests.serving.server.live_server import b64

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Folder of a SavedModel.", required=True)
flags.DEFINE_string("face", None, "A JPEG or PNG that the model reads.", required=True)
flags.DEFINE_integer("requests", 2000, "How many.")
flags.DEFINE_integer("at_once", 8, "How many at a time.")
flags.DEFINE_integer("seed", 0, "Of the requests.")

#: The memory is looked at after each of so many parts.
_PARTS = 4


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def megabytes(port):
    text = ask(port, "GET", "/metrics")[1]
    line = re.search(r"^process_resident_memory_bytes (\S+)", text, re.M)
    return float(line.group(1)) / 2**20


def attack(port, good, count, seed):
    """Sends the requests; returns the statuses and what was not refused."""
    requests = hostile_requests.generated(count, good, seed)
    statuses, through = collections.Counter(), []
    with futures.ThreadPoolExecutor(FLAGS.at_once) as threads:

        def send(hostile):
            return hostile, *hostile_requests.send(port, hostile, seconds=90)

        for hostile, status, body in threads.map(send, requests):
            statuses[status] += 1
            try:
                reason = json.loads(body)["error"]
            except (ValueError, KeyError, TypeError):
                reason = ""
            if not (400 <= status < 500 and reason):
                through.append((hostile.name, status, body[:100]))
    return statuses, through


def main(argv):
    del argv
    good = pathlib.Path(FLAGS.face).read_bytes()
    with served.server(FLAGS.model) as port:
        body = json.dumps({"instances": [{"b64": b64(good)}]}).encode()
        answers, on, looks = collections.Counter(), True, []

        def ask_well():
            while on:
                answers[ask(port, "POST", "/v1/models/affect:predict", body)[0]] += 1
                looks.append(megabytes(port))
                time.sleep(0.05)

        asking = threading.Thread(target=ask_well)
        # A first round takes what the memory grows by only once.
        attack(port, good, 200, FLAGS.seed + 1)
        memory = [megabytes(port)]
        asking.start()
        begin = time.monotonic()
        statuses, through = collections.Counter(), []
        for part in range(_PARTS):
            seed = FLAGS.seed + 2 + part
            counted, missed = attack(port, good, FLAGS.requests // _PARTS, seed)
            statuses += counted
            through += missed
            memory.append(megabytes(port))
        seconds = time.monotonic() - begin
        on = False
        asking.join()
        time.sleep(3)
        memory.append(megabytes(port))
    for each in through:
        print("not refused:", *each)
    print(f"{FLAGS.requests} hostile requests in {seconds:.0f} s: {dict(statuses)}")
    print(f"good requests in between: {dict(answers)}")
    levels = ", ".join(f"{level:.0f}" for level in memory)
    print(f"resident memory before, after each quarter, and at rest: {levels} MB")
    print(f"the highest that was seen in between: {max(looks, default=0):.0f} MB")
    wrong = bool(through) or set(answers) != {200}
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    app.run(main)
