import pytest

from affect_tf.training.optimizers import Adam


@pytest.mark.parametrize(
    "field, value",
    [
        ("beta_1", 2.0),
        ("beta_1", 1.0),
        ("beta_2", -0.1),
        ("beta_2", float("nan")),
        ("epsilon", 0.0),
        ("weight_decay", -0.01),
        ("weight_decay", float("inf")),
        ("clip_norm", 0.0),
        ("clip_norm", float("nan")),
    ],
)
def test_a_field_outside_its_range_is_refused(field, value):
    with pytest.raises(ValueError, match=f"Adam.{field} must"):
        Adam(**{field: value})


def test_the_ends_of_the_ranges_are_allowed():
    adam = Adam(beta_1=0.0, beta_2=0.0, weight_decay=0.0, clip_norm=None)
    built = adam.build(1e-3)
    assert (float(built.beta_1), float(built.beta_2)) == (0.0, 0.0)
    assert not built.weight_decay
