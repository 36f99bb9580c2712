import signal

import pytest

from affect_tf.training.interrupts import Interrupts

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_at_once_unless_it_is_held(number):
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_held_signal_waits_for_the_end_of_the_block(number):
    done = []
    with Interrupts() as held, pytest.raises(KeyboardInterrupt), held.held():
        signal.raise_signal(number)
        done.append("first")
        done.append("second")
    assert done == ["first", "second"]


def test_an_error_in_a_held_block_is_not_hidden_by_a_signal():
    with Interrupts() as interrupts, pytest.raises(OSError), interrupts.held():
        signal.raise_signal(signal.SIGTERM)
        raise OSError


def test_the_signals_are_given_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
