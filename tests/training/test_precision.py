import pytest

from affect_tf.config import PRECISIONS
from affect_tf.training import precision


@pytest.mark.parametrize(
    "capability, policy",
    [
        ((9, 0), "mixed_bfloat16"),
        ((8, 0), "mixed_bfloat16"),
        ((7, 5), "mixed_float16"),
        ((6, 1), "float32"),
        (None, "float32"),
    ],
)
def test_a_gpu_trains_in_the_best_type_of_its_generation(capability, policy):
    assert precision.for_gpu(capability).policy == policy


@pytest.mark.parametrize(
    "flags, policy",
    [
        ({"amx_bf16", "avx512f"}, "mixed_bfloat16"),
        ({"avx512_bf16"}, "mixed_bfloat16"),
        ({"avx512f", "avx2"}, "float32"),
        (set(), "float32"),
    ],
)
def test_a_cpu_trains_in_bfloat16_only_where_it_computes_in_it(flags, policy):
    chosen = precision.for_cpu(frozenset(flags))
    assert chosen.policy == policy
    assert chosen.reason


def test_what_is_asked_for_is_taken():
    assert precision.choose("mixed_float16").policy == "mixed_float16"
    assert precision.choose("auto").policy in PRECISIONS
