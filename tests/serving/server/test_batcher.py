"""Pictures of many requests in few calls, and each request's own rows back."""

import asyncio
import threading
import time

import numpy as np
import pytest

from affect_tf.serving.server import batcher as batcher_lib
from affect_tf.serving.server.batcher import Batcher
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal


class Doubling:
    """Doubles numbers; waits at `gate` where a test wants calls to take long."""

    def __init__(self):
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, key, pictures):
        self.gate.wait(10)
        self.calls.append((key, list(pictures)))
        if "bad" in pictures:
            raise ValueError("bad")
        return {"twice": np.array(pictures) * 2}


@pytest.fixture
def made():
    batchers = []

    def make(call, max_batch=4, max_latency=0.0, max_queue=16):
        batcher = Batcher(
            call,
            max_batch=max_batch,
            max_latency=max_latency,
            max_queue=max_queue,
            metrics=Metrics(),
        )
        batchers.append(batcher)
        return batcher

    yield make
    for batcher in batchers:
        batcher.close()


async def waiting_together(batcher, call, *requests):
    """Lets requests arrive while a call of picture 0 is under way."""
    call.gate.clear()
    first = asyncio.create_task(batcher.scores("k", [0]))
    while batcher._queued or not first:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    tasks = [asyncio.create_task(batcher.scores(key, list(r))) for key, r in requests]
    await asyncio.sleep(0.01)
    call.gate.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_requests_that_wait_share_calls_and_get_their_own_rows(made):
    call = Doubling()
    batcher = made(call)
    requests = [("k", [1, 2]), ("k", [3]), ("k", [4, 5, 6])]
    rows = asyncio.run(waiting_together(batcher, call, *requests))
    assert [row["twice"].tolist() for row in rows] == [[2, 4], [6], [8, 10, 12]]
    assert call.calls == [("k", [0]), ("k", [1, 2, 3, 4]), ("k", [5, 6])]


def test_requests_of_other_keys_do_not_share_a_call(made):
    call = Doubling()
    batcher = made(call)
    requests = [("k", [1]), ("other", [2]), ("k", [3])]
    rows = asyncio.run(waiting_together(batcher, call, *requests))
    assert [row["twice"].tolist() for row in rows] == [[2], [4], [6]]
    assert call.calls[1:] == [("k", [1, 3]), ("other", [2])]


def test_a_request_larger_than_a_call_is_cut_and_joined(made):
    call = Doubling()
    rows = asyncio.run(made(call, max_batch=4).scores("k", list(range(10))))
    assert rows["twice"].tolist() == [2 * number for number in range(10)]
    assert [len(pictures) for _, pictures in call.calls] == [4, 4, 2]


def test_a_failed_call_fails_its_requests_and_no_others(made):
    call = Doubling()
    batcher = made(call, max_batch=1)
    requests = [("k", ["bad"]), ("k", [1])]
    failed, good = asyncio.run(waiting_together(batcher, call, *requests))
    assert isinstance(failed, ValueError) and good["twice"].tolist() == [2]


def test_a_full_queue_refuses_and_says_when_to_come_again(made):
    call = Doubling()
    batcher = made(call, max_queue=3)
    requests = [("k", [1, 2]), ("k", [3, 4])]
    good, refused = asyncio.run(waiting_together(batcher, call, *requests))
    assert good["twice"].tolist() == [2, 4]
    assert isinstance(refused, Refusal)
    assert refused.status == 503 and refused.retry_after


def test_pictures_of_a_client_that_left_are_not_scored(made):
    call = Doubling()
    batcher = made(call)

    async def leave():
        call.gate.clear()
        first = asyncio.create_task(batcher.scores("k", [0]))
        await asyncio.sleep(0.02)
        gone = asyncio.create_task(batcher.scores("k", [1]))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        call.gate.set()
        await first

    asyncio.run(leave())
    batcher.close()
    assert call.calls == [("k", [0])]


def test_a_lone_client_never_waits_for_company(made):
    call = Doubling()
    batcher = made(call, max_latency=30.0)

    async def alone():
        for number in range(5):
            await batcher.scores("k", [number])

    begin = time.monotonic()
    asyncio.run(alone())
    assert time.monotonic() - begin < 20 and len(call.calls) == 5


def test_a_client_that_asks_again_at_once_is_no_second_one(made, monkeypatch):
    call, tell = Doubling(), batcher_lib._tell
    batcher = made(call, max_latency=30.0)

    def told(entry, outcome):
        tell(entry, outcome)
        time.sleep(0.05)  # The thread is slow: the next request is there first.

    monkeypatch.setattr(batcher_lib, "_tell", told)

    async def alone():
        for number in range(3):
            await batcher.scores("k", [number])

    begin = time.monotonic()
    asyncio.run(alone())
    assert time.monotonic() - begin < 20 and len(call.calls) == 3


def test_after_a_shared_call_the_next_waits_for_as_many(made):
    call = Doubling()
    batcher = made(call, max_latency=0.5)

    async def together():
        await waiting_together(batcher, call, ("k", [1]), ("k", [2]))
        first = asyncio.create_task(batcher.scores("k", [3]))
        await asyncio.sleep(0.05)
        assert len(call.calls) == 2
        await asyncio.gather(first, batcher.scores("k", [4]))

    asyncio.run(together())
    assert call.calls[2:] == [("k", [3, 4])]


def test_closing_finishes_what_waits_and_refuses_what_comes(made):
    call = Doubling()
    batcher = made(call)

    async def close():
        call.gate.clear()
        task = asyncio.create_task(batcher.scores("k", [1]))
        await asyncio.sleep(0.02)
        closing = threading.Thread(target=batcher.close)
        closing.start()
        await asyncio.sleep(0.02)
        with pytest.raises(Refusal):
            await batcher.scores("k", [2])
        call.gate.set()
        assert (await task)["twice"].tolist() == [2]
        closing.join()

    asyncio.run(close())


def test_a_client_that_left_makes_room_in_the_queue(made):
    call = Doubling()
    batcher = made(call, max_queue=2)

    async def leave():
        call.gate.clear()
        first = asyncio.create_task(batcher.scores("k", [0]))
        await asyncio.sleep(0.02)
        for _ in range(3):
            gone = asyncio.create_task(batcher.scores("k", [1, 2]))
            await asyncio.sleep(0.01)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        last = asyncio.create_task(batcher.scores("k", [3, 4]))
        await asyncio.sleep(0.01)
        call.gate.set()
        await first
        return await last

    assert asyncio.run(leave())["twice"].tolist() == [6, 8]


@pytest.mark.parametrize("place", ["_take", "_run"])
def test_a_thread_that_ends_fails_what_waits_and_says_so(made, monkeypatch, place):
    call = Doubling()
    batcher = made(call)
    assert batcher.is_alive

    def end(*args):
        call.gate.wait(10)
        raise SystemExit

    async def ask():
        call.gate.clear()
        tasks = [asyncio.create_task(batcher.scores("k", [n])) for n in range(3)]
        await asyncio.sleep(0.02)
        call.gate.set()
        found = await asyncio.wait_for(
            asyncio.gather(*tasks, return_exceptions=True), 10
        )
        with pytest.raises(Refusal, match="no pictures any more"):
            await batcher.scores("k", [4])
        return found

    monkeypatch.setattr(batcher, place, end)
    found = asyncio.run(ask())
    assert all(isinstance(each, Refusal) and each.status == 503 for each in found)
    assert not batcher.is_alive


def test_rows_that_are_too_few_fail_their_requests_and_no_others(made):
    rows = iter([{"twice": 5}, {"twice": np.array([2])}])
    batcher = made(lambda key, pictures: next(rows))

    async def ask():
        with pytest.raises(TypeError):
            await asyncio.wait_for(batcher.scores("k", [1]), 10)
        return await batcher.scores("k", [1])

    assert asyncio.run(ask())["twice"].tolist() == [2]
