"""Nothing that a client sends ends the server, or goes without a reason."""

import itertools
import json
import random
from concurrent import futures

import pytest

from tests.serving.server import hostile_bodies
from tests.serving.server import hostile_requests
from tests.serving.small_models import pngs


@pytest.fixture(scope="module")
def good():
    (picture,) = pngs(1)
    return picture


def test_each_hostile_request_gets_a_reason_and_good_ones_in_between_are_answered(
    server, good
):
    requests = list(hostile_requests.generated(100, good, slow_every=13))
    with futures.ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda r: hostile_requests.send(server.port, r), requests)
        good_ones = [threads.submit(server.predict, good) for _ in range(20)]
        for hostile, (status, body) in zip(requests, answers, strict=True):
            assert 400 <= status < 500, (hostile.name, status, body)
            assert json.loads(body)["error"], hostile.name
        assert all(future.result()[0] == 200 for future in good_ones)
    assert not [line for line in server.lines if "failed" in line]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_wrong_body_is_refused(server, good, seed):
    """All of JSON's and HTTP's cases, which a sample of 100 does not reach."""
    rng = random.Random(seed)
    texts = itertools.islice(hostile_bodies.bodies(rng, good), 200)
    cases = [
        hostile_requests.Hostile(
            text[:60], hostile_requests.request(path, text.encode())
        )
        for _, path, text in texts
    ]
    odd = itertools.islice(hostile_requests.odd_http(rng), 64)
    cases += [hostile_requests.Hostile(*each) for each in odd]
    for hostile in cases:
        status, body = hostile_requests.send(server.port, hostile)
        assert 400 <= status < 500, (hostile.name, status, body[:200])
        assert json.loads(body)["error"], hostile.name
    assert server.predict(good)[0] == 200
