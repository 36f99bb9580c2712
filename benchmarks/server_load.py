"""Latency and throughput of the server, against the bare call of its model.

Clients of a process of their own ask for one picture at a time, each over one
connection, and ask again when they have the answer. The bare model is called in batches
of many sizes in this process, before and after, and its best rate is what the server is
compared with. All of it shares the machine, clients too. Where others use it as well,
rates say little: look at the processors' time a picture.

  python -m benchmarks.server_load --model=runs/mine/export --faces=FOLDER_OF_JPEGS
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import pathlib
import re
import selectors
import socket
import subprocess
import sys
import time
import types

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import numpy as np
from absl import app
from absl import flags

from benchmarks import served as served_lib

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Folder of a SavedModel.", required=True)
flags.DEFINE_string("faces", None, "Folder of pictures, searched for JPEG and PNG.")
flags.DEFINE_list("clients", ["1", "4", "16"], "Numbers of clients to try.")
flags.DEFINE_float("seconds", 8.0, "How long each number is tried.")
flags.DEFINE_integer("pictures", 1, "Pictures of a request.")
flags.DEFINE_enum("protocol", "v1", ["v1", "v2"], "v1: JSON; v2: binary tensors.")
flags.DEFINE_integer("asks", 0, "Port to ask; used by the clients' process.")


def pictures():
    paths = sorted(p for p in pathlib.Path(FLAGS.faces).rglob("*") if p.is_file())
    kinds = (".jpg", ".jpeg", ".png")
    return [p.read_bytes() for p in paths if p.suffix.lower() in kinds][:256]


def bare(batches=(1, 2, 4, 8, 16, 32, 64), seconds=1.5):
    """Returns {batch: (pictures a second, p50, p99, processors' time), all in ms}."""
    from affect_tf.serving.loaded_model import LoadedModel

    model, files = LoadedModel(FLAGS.model), pictures()
    found = {}
    for batch in batches:
        source = itertools.cycle(files)
        times = []
        for _ in range(3):
            model.from_bytes([next(source) for _ in range(batch)])
        until, used = time.perf_counter() + seconds, time.process_time()
        while time.perf_counter() < until:
            rows = [next(source) for _ in range(batch)]
            begin = time.perf_counter()
            model.from_bytes(rows)
            times.append(time.perf_counter() - begin)
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        used = (time.process_time() - used) * 1000 / (batch * len(times))
        found[batch] = (batch * len(times) / sum(times), p50, p99, used)
    return found


def request(files):
    """Returns the bytes of a request for some pictures."""
    if FLAGS.protocol == "v1":
        rows = [{"b64": base64.b64encode(file).decode()} for file in files]
        path, more = "/v1/models/affect:predict", ""
        data = json.dumps({"instances": rows}).encode()
    else:
        raw = b"".join(len(file).to_bytes(4, "little") + file for file in files)
        tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": [len(files)]}
        tensor["parameters"] = {"binary_data_size": len(raw)}
        head = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
        head = json.dumps(head).encode()
        path, data = "/v2/models/affect/infer", head + raw
        more = f"Inference-Header-Content-Length: {len(head)}\r\n"
    lines = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}"
    return f"{lines}Content-Length: {len(data)}\r\n\r\n".encode() + data


def metric(name):
    """Returns a number that the server tells of itself; 0 where it has none yet."""
    connection = http.client.HTTPConnection("127.0.0.1", FLAGS.asks)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    found = [line.split()[-1] for line in lines if line.startswith(f"{name} ")]
    return float(found[0]) if found else 0.0


def asked(requests, clients, start, until):
    """Returns the seconds of each answer to a request that was sent after `start`.

    All clients are in one thread, and know of HTTP what they need: what they cost is
    taken from the server, which shares the machine with them.
    """
    times, ready = [], selectors.DefaultSelector()

    def send(client, sock):
        client.begin, client.got, client.length = time.perf_counter(), b"", None
        sock.sendall(requests[client.number % len(requests)])
        client.number += 1

    for number in range(clients):
        sock = socket.create_connection(("127.0.0.1", FLAGS.asks))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = types.SimpleNamespace(number=31 * number)
        ready.register(sock, selectors.EVENT_READ, client)
        send(client, sock)
    while ready.get_map():
        for key, _ in ready.select():
            client, sock = key.data, key.fileobj
            part = sock.recv(2**16)
            if not part:
                raise RuntimeError("the server ended a connection")
            client.got += part
            if client.length is None and b"\r\n\r\n" in client.got:
                head, _, _ = client.got.partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(client.got.decode())
                length = re.search(rb"content-length: (\d+)", head, re.I)
                client.length = len(head) + 4 + int(length.group(1))
            if len(client.got) != client.length:
                continue
            now = time.perf_counter()
            if client.begin > start:
                times.append(now - client.begin)
            if now < until:
                send(client, sock)
            else:
                ready.unregister(sock)
                sock.close()
    return times


def ask():
    """The clients: prints a line of JSON for each number of them."""
    files = pictures()
    size = FLAGS.pictures
    requests = [request((files * size)[i : i + size]) for i in range(len(files))]
    for clients in map(int, FLAGS.clients):
        used, served = time.process_time(), metric("process_cpu_seconds_total")
        before = metric('affect_pictures_total{result="scored"}')
        start = time.perf_counter() + 1.0  # What comes in the first second warms up.
        times = asked(requests, clients, start, start + FLAGS.seconds)
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        rate = len(times) * FLAGS.pictures / FLAGS.seconds
        result = {"clients": clients, "rate": rate, "p50": p50, "p99": p99}
        done = (metric('affect_pictures_total{result="scored"}') - before) / 1000
        result["server_ms"] = (metric("process_cpu_seconds_total") - served) / done
        result["client_ms"] = (time.process_time() - used) / done
        print(json.dumps(result), flush=True)


def served():
    """Returns what the clients measured, asking a server of its own process."""
    with served_lib.server(FLAGS.model) as port:
        names = ("model", "faces", "seconds", "pictures", "protocol")
        same = [f"--{name}={FLAGS[name].value}" for name in names]
        same.append(f"--clients={','.join(FLAGS.clients)}")
        asking = [
            sys.executable,
            "-m",
            "benchmarks.server_load",
            *same,
            f"--asks={port}",
        ]
        result = subprocess.run(asking, stdout=subprocess.PIPE, text=True, check=True)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        sums = dict(re.findall(r"^(affect_batch_size_(?:sum|count)) (\S+)", text, re.M))
        pictures_sum, calls = map(float, (sums[name] for name in sorted(sums)[::-1]))
        mean = pictures_sum / calls
        print(f"pictures in a call of the model, on average: {mean:.1f}")
        return [json.loads(line) for line in result.stdout.splitlines()]


def main(argv):
    del argv
    if FLAGS.asks:
        ask()
        return
    before = bare()
    found = served()
    after = bare()
    rates = {batch: (before[batch][0] + after[batch][0]) / 2 for batch in before}
    for batch, rate in rates.items():
        low, high = sorted((before[batch][0], after[batch][0]))
        p50, p99, used = after[batch][1:]
        print(
            f"bare, batch {batch:>3}: {rate:7.1f} pictures/s "
            f"({low:.1f} to {high:.1f}), "
            f"p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, "
            f"{used:5.2f} ms of the processors a picture"
        )
    best = max(rates, key=rates.get)
    for each in found:
        ratio = each["rate"] / rates[best]
        print(
            f"served, {each['clients']:>3} clients: {each['rate']:7.1f} pictures/s, "
            f"p50 {each['p50']:6.1f} ms, p99 {each['p99']:6.1f} ms, "
            f"{ratio:.2f} of the bare model at batch {best}; "
            f"{each['server_ms']:.2f} ms of the processors a picture, "
            f"and {each['client_ms']:.2f} ms of clients"
        )


if __name__ == "__main__":
    app.run(main)
