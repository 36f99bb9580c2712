import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).with_name("replica_step.py")
ROOT = SCRIPT.parents[2]


@pytest.fixture(scope="module")
def outcome():
    """What one step gives under one and under two replicas."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("head", [0, 1], ids=["binned", "plain"])
def test_two_replicas_give_the_loss_and_the_step_of_one(outcome, head):
    assert outcome["replicas"] == 2
    one, two = outcome["results"][head]["one"], outcome["results"][head]["two"]
    for name, expected in one.items():
        np.testing.assert_allclose(two[name], expected, rtol=1e-5, atol=1e-6)
