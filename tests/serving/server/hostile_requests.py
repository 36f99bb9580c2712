"""Requests that nobody means well with, and a client that sends them byte by byte.

Each must be answered with a 4xx and a reason. They are made from a seed, so that a
request that gets through can be had again.
"""

import dataclasses
import itertools
import json
import random
import select
import socket
import time

from tests.serving.server.hostile_bodies import bodies
from tests.serving.server.hostile_bodies import FACES
from tests.serving.server.hostile_bodies import INFER
from tests.serving.server.hostile_bodies import pictures
from tests.serving.server.hostile_bodies import pixels_behind_json
from tests.serving.server.hostile_bodies import PREDICT
from tests.serving.server.live_server import b64


@dataclasses.dataclass
class Hostile:
    """What is sent; `endless` is sent again and again until an answer comes."""

    name: str
    raw: bytes
    endless: bytes = b""


def send(port, hostile, seconds=20.0):
    """Returns the status of the answer and its body; (0, what came) without one."""
    answer, until = b"", time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.setblocking(False)
        left = memoryview(hostile.raw)
        while time.monotonic() < until and not _is_whole(answer):
            if not left and hostile.endless:
                left = memoryview(hostile.endless)
            readable, writable, _ = select.select(
                [sock], [sock] if left else [], [], 0.5
            )
            try:
                if readable:
                    block = sock.recv(2**16)
                    if not block:
                        break
                    answer += block
                elif writable:
                    left = left[sock.send(left) :]
            except OSError:  # Reset, or nobody reads any more.
                break
    head, _, body = answer.partition(b"\r\n\r\n")
    first = head.split(b" ", 2)
    return (int(first[1]) if len(first) > 1 else 0), body


def _is_whole(answer):
    head, found, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(found) and len(body) >= int(line.split(b":")[1])
    return False


def request(path, body=b"", method="POST", headers=(), length=None):
    length = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if length != "":
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def odd_http(rng):
    """Requests that are wrong before their body is; (name, what is sent)."""
    paths = (
        *(
            "/../../etc/passwd",
            "/..%2f..%2fetc%2fpasswd",
            "/page/../../main.py",
            "//etc",
        ),
        *("/%00", "/page.js%00.html", "/page.js/", "/static/page.js", "/index.html"),
        *("/v1/models/../metadata", "/v1/models/other", "/v1/models/affect/versions/x"),
        *("/v1/models/affect/versions/-1", f"/v1/models/affect/versions/{'9' * 999}"),
        *(
            "/v1/models/affect/labels/stable",
            "/v2/models/a%2f..%2faffect",
            "/" + "a" * 9000,
        ),
        *("/v1/models/affect/versions/%D9%A1", "/file:///etc/passwd", "\\..\\x"),
        *("http://example.org/", "/?url=http://example.org/", "/affect/v1/faces?x=1"),
    )
    odd = [("path", request(p, method="GET")) for p in paths if not p.startswith("/?")]
    odd += [
        ("method", request("/", method=m)) for m in ("PUT", "DELETE", "BREW", "CONNECT")
    ]
    odd += [("method", request(PREDICT, method="GET")), ("method", request("/metrics"))]
    for shape in ((1, 1, 300_000, 3), (1, 300_000, 1, 3), (9, 1, 20_000, 3)):
        body, length = pixels_behind_json(*shape)
        header = f"{_JSON_LENGTH}: {length}"
        odd.insert(0, ("long pixels", request(INFER, body, headers=[header])))
    surrogate = {"id": "\ud800", "inputs": [{"name": "image_bytes"}]}
    odd.insert(0, ("half an id", request(INFER, json.dumps(surrogate).encode())))
    odd += [
        ("gzip", request(PREDICT, b"\x1f\x8b\x08", headers=["Content-Encoding: gzip"])),
        ("form", request(FACES, b"--x", headers=["Content-Type: multipart/form-data"])),
        ("query", request(FACES + "?aligned=2", b"x")),
        ("huge header", request("/", method="GET", headers=["X: " + "a" * 100_000])),
        ("many headers", request("/", method="GET", headers=["X: a"] * 20_000)),
        ("no host", b"GET / HTTP/1.1\r\n\r\n"),
        ("garbage", rng.randbytes(200) + b"\r\n\r\n"),
        (
            "tls",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\r\n\r\n",
        ),
        ("space", b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("http x", b"GET / HTTP/x.y\r\nHost: localhost\r\n\r\n"),
        ("both lengths", request(PREDICT, b"{}", headers=["Content-Length: 3"])),
        ("smuggling", request(PREDICT, b"{}", headers=["Transfer-Encoding: x"])),
        ("too long", request(PREDICT, b"{", length=2**40)),
        ("far too long", request(PREDICT, b"{", length="9" * 18)),
        ("split", b"GET /\r\nX: y HTTP/1.1\r\n\r\n"),
        ("utf-8", request(PREDICT, b'{"instances": "\xff\xfe"}')),
        ("chunk size", _chunked(b"zz\r\nab\r\n")),
        ("chunk length", _chunked(b"ffffffffffffffffffff\r\nab")),
    ]
    odd += [
        ("length", request(PREDICT, b"{}", length=text))
        for text in ("-1", "abc", "1e3")
    ]
    odd += [
        ("json length", request(INFER, b"{}", headers=[f"{_JSON_LENGTH}: {text}"]))
        for text in ("-1", "3", "x", "9" * 30, "")
    ]
    return itertools.cycle(odd)


_JSON_LENGTH = "Inference-Header-Content-Length"


def _chunked(rest):
    return request(PREDICT, length="", headers=["Transfer-Encoding: chunked"]) + rest


def slow_and_endless():
    """Requests that never end, or stop in their midst."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    return itertools.cycle(
        [
            Hostile("slow body", request(PREDICT, b'{"inst', length=1000)),
            Hostile("endless chunks", _chunked(b""), endless=chunk),
            Hostile("slow headers", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-"),
            Hostile("endless headers", b"GET / HTTP/1.1\r\n", endless=b"X: y\r\n" * 99),
            Hostile("slow chunk", _chunked(b"5\r\nab")),
            Hostile("slow photograph", request(FACES, b"\xff\xd8\xff", length=5000)),
            Hostile("silence", b""),
            Hostile("big body", request(FACES, bytes(2**21))),
        ]
    )


def generated(count, good, seed=0, slow_every=25):
    """Gives `count` requests; of `slow_every` one is slow, or has no end.

    Args:
      good: A PNG or JPEG that the model reads.
    """
    rng = random.Random(seed)
    files, texts = pictures(rng, good), bodies(rng, good)
    odd, slow = odd_http(rng), slow_and_endless()
    for number in range(count):
        if number % slow_every == 0:
            yield next(slow)
        elif number % 4 == 1:
            yield Hostile(*next(odd))
        elif number % 4 == 2:
            name, path, text = next(texts)
            yield Hostile(f"{name} {text[:40]}", request(path, text.encode()))
        else:
            name, data = next(files)
            yield Hostile(name, request(*_wrapped(rng, data)))


def _wrapped(rng, data):
    """Returns a path and a body that hold a picture."""
    way = rng.randrange(4)
    if way == 0:
        return FACES, data
    if way == 1:
        body = {"inputs": {"image_bytes": [{"b64": b64(data)}]}}
        return PREDICT, json.dumps(body).encode()
    if way == 2:
        body = {"instances": [{"b64": b64(data)}] * rng.randrange(1, 4)}
        return PREDICT, json.dumps(body).encode()
    tensor = {"name": "image_bytes", "shape": [1], "datatype": "BYTES"}
    return INFER, json.dumps({"inputs": [{**tensor, "data": [b64(data)]}]}).encode()
