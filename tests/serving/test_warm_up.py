"""The requests of TensorFlow Serving's warm-up, read back by protobuf itself."""

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

from affect_tf.data import images
from affect_tf.serving import warm_up

_TYPES = descriptor_pb2.FieldDescriptorProto


def _message(file, name, fields):
    """Adds a message; `fields` are (name, number, type: "string" or a message)."""
    described = file.message_type.add(name=name)
    for field, number, kind in fields:
        added = described.field.add(
            name=field, number=number, label=_TYPES.LABEL_OPTIONAL
        )
        if kind == "string":
            added.type = _TYPES.TYPE_STRING
        else:
            added.type, added.type_name = _TYPES.TYPE_MESSAGE, kind
    return described


@pytest.fixture(scope="module")
def prediction_log():
    """The message of the public API, with the fields of a predict request."""
    tensor = tf.make_tensor_proto(0).DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(
        name="test_warm_up.proto", package="warm_up", syntax="proto3"
    )
    file.dependency.append(tensor.file.name)
    _message(
        file, "ModelSpec", [("name", 1, "string"), ("signature_name", 3, "string")]
    )
    request = _message(file, "Request", [("model_spec", 1, ".warm_up.ModelSpec")])
    entry = request.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_TYPES.TYPE_STRING)
    value = entry.field.add(name="value", number=2, type=_TYPES.TYPE_MESSAGE)
    value.type_name = f".{tensor.full_name}"
    inputs = request.field.add(name="inputs", number=2, label=_TYPES.LABEL_REPEATED)
    inputs.type, inputs.type_name = _TYPES.TYPE_MESSAGE, ".warm_up.Request.InputsEntry"
    _message(file, "PredictLog", [("request", 1, ".warm_up.Request")])
    _message(file, "PredictionLog", [("predict_log", 6, ".warm_up.PredictLog")])
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName("warm_up.PredictionLog")
    return message_factory.GetMessageClass(found)


def test_each_batch_size_has_a_request_of_pictures_that_can_be_read(
    prediction_log, tmp_path
):
    path = warm_up.write(tmp_path, 24)
    assert path == tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    sizes = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log.FromString(record.numpy())
        # Nothing that the message does not know, which a server would skip unseen.
        assert log.SerializeToString(deterministic=True) == record.numpy()
        request = log.predict_log.request
        assert request.model_spec.signature_name == "serving_default"
        assert request.model_spec.name == "affect"
        assert list(request.inputs) == ["image_bytes"]
        pictures = tf.make_ndarray(request.inputs["image_bytes"])
        assert pictures.ndim == 1
        _, valid = images.decode_batch(tf.constant(pictures.tolist()), 24)
        assert valid.numpy().all()
        sizes.append(len(pictures))
    assert sizes == [1, 8, 32]


def test_pictures_are_of_both_kinds_and_one_has_to_be_resized():
    jpeg, png, again = warm_up.pictures(3, 24)
    assert jpeg == again
    assert jpeg[:3] == b"\xff\xd8\xff"
    assert png[:4] == b"\x89PNG"
    assert tf.io.decode_image(jpeg).shape == (36, 36, 3)
    assert tf.io.decode_image(png).shape == (24, 24, 3)


def test_a_length_of_more_than_seven_bits_is_written_in_several_bytes(prediction_log):
    log = prediction_log.FromString(
        warm_up.prediction_log({"image_bytes": tf.constant([b"x" * 100_000])})
    )
    tensor = log.predict_log.request.inputs["image_bytes"]
    assert tf.make_ndarray(tensor).tolist() == [b"x" * 100_000]
