"""Converted models against the SavedModel that they lie in."""

import json

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.batch import Batch
from affect_tf.errors import UserError
from affect_tf.evaluation.calibration import Calibration
from affect_tf.serving import export
from affect_tf.serving import formats
from affect_tf.serving import model_card
from affect_tf.serving.formats import format_folder
from affect_tf.serving.formats import onnx
from affect_tf.serving.formats import tflite
from affect_tf.serving.loaded_model import LoadedModel
from tests.serving import small_models

COUNT = 12
#: Of a score, for networks of random weights: rounding to 8 bits costs them more.
NEAR = {"tflite": 1e-5, "tflite_float16": 0.02, "tflite_int8": 0.15, "onnx": 1e-5}


def batches():
    """Two batches of labelled faces, of which the last rows are padding."""
    for first in (0, 8):
        row = np.arange(first, first + 8)
        real = row < COUNT
        yield Batch(
            inputs={"image": small_models.faces(COUNT + 4, seed=3)[row]},
            labels={
                "expr": (row % 3).astype(np.int32),
                "au": np.tile(row[:, None] % 2, [1, 2]).astype(np.float32),
                "va": np.stack([row / 16, -row / 16], 1).astype(np.float32),
            },
            masks={
                "expr": np.ones(8, np.float32),
                "au": np.ones([8, 2], np.float32),
                "va": np.ones(8, np.float32),
            },
            source=np.zeros(8, np.int32),
            weight=real.astype(np.float32),
            key=np.array([f"face{n}" for n in row]),
            subject=np.array([""] * 8),
            frame=np.zeros(8, np.int64),
            row=np.where(real, row, -1),
        )


@pytest.fixture(scope="module")
def wanted():
    """All formats; those of ONNX where its packages are installed."""
    try:
        onnx.check_installed()
    except UserError:
        return [name for name in formats.FILES if name != "onnx"]
    return list(formats.FILES)


@pytest.fixture(scope="module")
def written(tmp_path_factory, wanted):
    """A version with every format, and the comparisons that were returned."""
    returned = []

    def add(folder, served):
        returned.extend(
            format_folder.write(
                folder,
                served,
                wanted,
                lambda: [small_models.faces(16, seed=1)],
                batches,
                "made-up faces",
            )
        )

    version = export.export(
        [small_models.model(seed) for seed in range(2)],
        small_models.TASKS,
        small_models.TAXONOMY,
        small_models.SIZE,
        tmp_path_factory.mktemp("formats"),
        calibration=Calibration(1.5),
        card=model_card.ModelCard("small"),
        add=add,
    )
    return version, returned


def test_every_format_gives_the_scores_of_the_saved_model_for_any_batch(
    written, wanted
):
    version, _ = written
    model = LoadedModel(version)
    faces = small_models.faces(5, seed=9)
    expected = model.from_images(faces)
    assert expected.pop("valid").all()
    for name in wanted:
        content = (version / formats.FOLDER / formats.FILES[name]).read_bytes()
        runner = (onnx if name == "onnx" else tflite).Runner(content)
        together, alone = runner(faces), runner(faces[2:3])
        assert set(together) == set(expected)
        for output, values in expected.items():
            found = together[output]
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, values, atol=NEAR[name], err_msg=name)
            np.testing.assert_allclose(alone[output][0], found[2], atol=NEAR[name])


def test_expressions_of_every_format_sum_to_one(written, wanted):
    version, _ = written
    for name in wanted:
        content = (version / formats.FOLDER / formats.FILES[name]).read_bytes()
        runner = (onnx if name == "onnx" else tflite).Runner(content)
        total = runner(small_models.faces(4))["expression_scores"].sum(axis=1)
        np.testing.assert_allclose(total, 1, atol=1e-5, err_msg=name)


def test_int8_really_computes_in_integers(written):
    version, _ = written
    from ai_edge_litert.interpreter import Interpreter

    def types(name):
        path = version / formats.FOLDER / formats.FILES[name]
        interpreter = Interpreter(model_content=path.read_bytes())
        return {tensor["dtype"] for tensor in interpreter.get_tensor_details()}

    assert np.int8 in types("tflite_int8")
    assert np.int8 not in types("tflite")
    assert np.float16 in types("tflite_float16")


def test_what_is_lost_is_written_beside_the_files(written, wanted):
    version, returned = written
    stored = json.loads((version / formats.FOLDER / "comparison.json").read_text())
    assert stored["protocol"] == "made-up faces"
    assert list(stored["formats"]) == wanted == [each.format for each in returned]
    for name, entry in stored["formats"].items():
        assert entry["faces"] == COUNT
        path = version / formats.FOLDER / entry["file"]
        assert entry["bytes"] == path.stat().st_size
        assert max(entry["largest_difference"].values()) < NEAR[name]
        assert set(entry["scores"]) >= {"expr/f1", "au/f1", "va/valence_ccc"}
    exact = stored["formats"]["tflite"]["scores"]["va/valence_ccc"]
    assert exact["lost"] == pytest.approx(0, abs=1e-4)


def test_names_lie_beside_the_files_and_inside_an_onnx_file(written, wanted):
    version, _ = written
    labels = json.loads((version / formats.FOLDER / "labels.json").read_text())
    assert labels["outputs"]["expression_scores"] == ["neutral", "anger", "fear"]
    assert labels["input"]["shape"] == ["B", small_models.SIZE, small_models.SIZE, 3]
    assert labels["action_unit_thresholds"] == {"AU1": 0.5, "AU12": 0.5}
    if "onnx" in wanted:
        import onnxruntime

        path = version / formats.FOLDER / formats.FILES["onnx"]
        session = onnxruntime.InferenceSession(str(path))
        stored = session.get_modelmeta().custom_metadata_map[onnx.METADATA]
        assert json.loads(stored) == labels


def test_the_saved_model_has_no_graph_more_for_its_formats(written):
    version, _ = written
    graph = tf.saved_model.load(str(version))
    assert set(graph.signatures) == {"serving_default", "serving_image", "taxonomy"}
    functions = {name for name in dir(graph) if name[0] != "_"} - {"weights"}
    assert functions <= {
        "from_bytes",
        "from_image",
        "names",
        "signatures",
        "graph_debug_info",
        "tensorflow_git_version",
        "tensorflow_version",
    }


def test_a_format_that_cannot_be_written_leaves_no_version(tmp_path):
    def add(folder, served):
        format_folder.write(folder, served, ["tflite_int8"], list, batches, "")

    with pytest.raises(ValueError, match="int8 model must be fitted to real faces"):
        export.export(
            [small_models.model(0)],
            small_models.TASKS,
            small_models.TAXONOMY,
            small_models.SIZE,
            tmp_path,
            card=model_card.ModelCard("small"),
            add=add,
        )
    assert list(tmp_path.iterdir()) == []


class Unconvertible:
    """Graphs with an operation that only TensorFlow has."""

    weights = ()

    def network(self):
        def encode(faces):
            return {"expression_scores": tf.map_fn(tf.io.encode_png, faces, tf.string)}

        shape = tf.TensorSpec([None, 8, 8, 3], tf.uint8, "faces")
        return tf.function(encode, input_signature=[shape])


def test_a_network_that_cannot_be_converted_is_refused_with_the_reason(wanted):
    with pytest.raises(UserError, match="exported as tflite. Received: .*Leave this"):
        tflite.convert(Unconvertible(), "tflite")
    if "onnx" in wanted:
        with pytest.raises(UserError, match="exported as onnx. Received: .*EncodePng"):
            onnx.convert(Unconvertible(), {})


def test_an_unknown_format_names_the_closest(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'tflite_int8'"):
        format_folder.write(tmp_path, None, ["tflite_int"], list, batches, "")


def test_missing_packages_are_named_with_the_file_that_installs_them(monkeypatch):
    monkeypatch.setattr(onnx, "_PACKAGES", ("onnx_that_is_not_there",))
    with pytest.raises(UserError, match="requirements-onnx.txt") as caught:
        onnx.check_installed()
    assert caught.value.exit_code == 2
    assert "onnx_that_is_not_there" in str(caught.value)
