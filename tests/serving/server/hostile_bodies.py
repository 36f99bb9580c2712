"""Pictures and JSON that a server must refuse: what goes into hostile requests."""

import itertools
import json
import math
import struct
import zlib

from tests.serving.server.live_server import b64

PREDICT = "/v1/models/affect:predict"
INFER = "/v2/models/affect/infer"
FACES = "/affect/v1/faces"


def png(width, height, data=b"", before=None):
    """A PNG; `before` is the size in one more header, which stands first."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    parts = [
        *(
            chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
            for size in (before, (width, height))
            if size
        ),
        chunk(b"IDAT", zlib.compress(data)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg_header(width, height):
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0" + frame + b"\xff\xda" + bytes(50)


def pictures(rng, good):
    """Files that cannot be read, endlessly; (name, bytes)."""
    bomb = png(20000, 20000, bytes(2**20))
    fixed = [
        ("png bomb", bomb),
        ("png of two sizes", png(2000, 2000, bytes(6001 * 2000), before=(8, 8))),
        ("png of chunks", bomb[:33] + bytes(2**18)),
        ("jpeg bomb", jpeg_header(20000, 20000)),
        ("widest png", png(2**31 - 1, 2**31 - 1)),
        ("no width", png(0, 5)),
        ("long png", png(1_000_000, 1, bytes(3_000_001))),
        ("high png", png(1, 100_000, bytes(400_000))),
        ("overflowing png", png(2**32 - 1, 2**32 - 1)),
        ("gif", b"GIF89a" + bytes(30)),
        ("bmp", b"BM" + bytes(60)),
        ("webp", b"RIFF\x20\x00\x00\x00WEBPVP8 "),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("pdf", b"%PDF-1.7"),
        ("zip", b"PK\x03\x04" + bytes(30)),
        ("path", b"/etc/passwd"),
        ("address", b"http://169.254.169.254/latest/meta-data"),
        ("empty", b""),
        ("one byte", b"\xff"),
        ("jpeg of markers", b"\xff\xd8" + b"\xff" * 5000),
        ("jpeg of empty segments", b"\xff\xd8\xff" + b"\xe0\x00\x00\xff" * 999),
    ]
    for number in itertools.count():
        if number % 2:
            yield fixed[number // 2 % len(fixed)]
        elif number % 4:
            yield "truncated", good[: rng.randrange(len(good) - 12)]
        else:
            yield "noise", rng.randbytes(rng.randrange(1, 3000))


def bodies(rng, good):
    """Bodies of JSON that are wrong; (name, path, text)."""
    ok = b64(good)
    item = {"b64": ok}
    tensor = {"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [ok]}
    image = {"name": "image", "shape": [1, 2, 2, 3], "datatype": "UINT8"}
    v1 = [
        *(
            "null",
            "5",
            "[]",
            '"x"',
            "{}",
            "",
            "{",
            '{"instances"',
            '{"instances": [}',
            "\x00",
        ),
        *(
            '{"instances": [NaN]}',
            '{"instances": [Infinity]}',
            '{"instances": [1e999]}',
        ),
        '{"instances": [{"b64": -Infinity}]}',
        '{"instances": [%s]}' % ("9" * 9000),
        "[" * 100_000,
        '{"instances":' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"a":' * 30_000 + "1" + "}" * 30_000,
        '{"instances": [' + "{}," * 300_000 + "{}]}",
        '{"instances": [' + '"",' * 250_000 + '""]}',
        '{"instances": [' + "0," * 400_000 + "0]}",
        *map(json.dumps, wrong_v1(rng, item, ok)),
    ]
    v2 = [*v1[:10], *map(json.dumps, wrong_v2(tensor, image))]
    for text in itertools.cycle(v1):
        yield "v1 json", PREDICT, text
        yield "v2 json", INFER, v2[rng.randrange(len(v2))]


def wrong_v1(rng, item, ok):
    broken = [ok[:-1], ok + "*", ok[:50] + "\n" + ok[50:], "====", "é", "-_" + ok, " "]
    yield from ({"instances": [{"b64": text}]} for text in broken)
    for value in (None, 5, True, [], {}, "", ok, [item], {"b64": 5}, {"b64": None}):
        yield {"instances": [value]}
        if value != [item]:
            yield {"instances": value}
    yield {"instances": [item] * 1000}
    yield {"instances": [item], "inputs": [item]}
    yield {"instances": [{"b64": ok, "url": "http://example.org/a.jpg"}]}
    yield {"instances": [{"url": "file:///etc/passwd"}]}
    yield {"instances": [{"image_bytes": "../../etc/passwd"}]}
    yield {"inputs": {"image_bytes": [item], "more": [item]}}
    for name in ("taxonomy", "x" * 5000, 5, ["serving_default"], {"a": 1}):
        yield {"signature_name": name, "instances": [item]}
    pixels = (
        *(
            5,
            [5],
            [[5]],
            [[[5]]],
            [[[1, 2]]],
            [[[1, 2, 3], [4, 5]]],
            [[[1, 2, 3]], [[1]]],
        ),
        *([[[256, 0, 0]]], [[[-1, 0, 0]]], [[[1.5, 0, 0]]], [[["1", "2", "3"]]]),
        *([[[True, 0, 0]]], [[[10**400, 0, 0]]], [[[None, 0, 0]]], [[]], [[[]]], "abc"),
        [[[rng.choice("ab") * 9999, 1, 2]] * 30],
    )
    for value in pixels:
        yield {"signature_name": "serving_image", "instances": [value]}


def wrong_v2(tensor, image):
    for inputs in (None, 5, [], [5], [None], [tensor, tensor], {"a": 1}):
        yield {"inputs": inputs}
    for change in (
        *({"name": "x"}, {"name": None}, {"datatype": "FP32"}, {"datatype": 5}),
        *(
            {"shape": s}
            for s in (None, [], [2], [-1], [0], [1.5], [True], [2**60], [1, 3], "1")
        ),
        *(
            {"data": d}
            for d in (None, [], ["a", "b"], [5], [None], "abc", [[]], [["a", "b"]])
        ),
        *(
            {"parameters": {"binary_data_size": n}}
            for n in (0, 5, -1, "x", 2**70, True)
        ),
    ):
        yield {"inputs": [{**tensor, **change}]}
    for change in (
        *(
            {"data": d}
            for d in ([], [0] * 11, [256] * 12, [-1] * 12, [0.5] * 12, ["0"] * 12)
        ),
        {"data": [None] * 12},
        {"data": [0] * 12, "shape": [1, 20000, 20000, 3]},
        {"data": [0] * 12, "shape": [1, 2, 6]},
        {"data": [0] * 12, "shape": [1, 2, 2, 4]},
        {"data": [], "shape": [1, 0, 0, 3]},
    ):
        yield {"inputs": [{**image, **change}]}
    for outputs in (5, [5], [{"name": "x"}], [{"name": None}], [{}]):
        yield {"inputs": [tensor], "outputs": outputs}
    wrong = {"name": "valid", "parameters": {"binary_data": "yes"}}
    yield {"inputs": [tensor], "outputs": [wrong]}
    yield {"inputs": [tensor], "id": 5}
    yield {"inputs": [tensor], "id": "x" * 300}
    yield {"inputs": [tensor], "id": "\ud800"}


def pixels_behind_json(*shape):
    """A body of v2 with binary pixels, and the length of its JSON."""
    size = math.prod(shape)
    tensor = {"name": "image", "shape": shape, "datatype": "UINT8"}
    tensor["parameters"] = {"binary_data_size": size}
    text = json.dumps({"inputs": [tensor]}).encode()
    return text + bytes(size), len(text)
