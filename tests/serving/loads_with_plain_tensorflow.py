"""Serves an exported model as a machine does that has TensorFlow and nothing else.

Run in a process of its own: argv is the folder of a version, a NumPy file of encoded
pictures, one of pixels, and the file to write.
"""

import importlib
import sys


class OnlyTensorFlow:
    """Refuses what the training machine has and a server has not."""

    refused = {"affect_tf", "cv2", "PIL", "pandas", "sklearn", "tensorflow_addons"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.refused:
            raise ImportError(f"{name} is not on a server")


def main(folder, encoded, pixels, result):
    sys.meta_path.insert(0, OnlyTensorFlow())
    np = importlib.import_module("numpy")
    tf = importlib.import_module("tensorflow")
    signatures = tf.saved_model.load(folder).signatures
    rows = np.load(encoded, allow_pickle=True).tolist()
    answers = {
        "bytes": signatures["serving_default"](image_bytes=tf.constant(rows)),
        "image": signatures["serving_image"](image=tf.constant(np.load(pixels))),
        "names": signatures["taxonomy"](),
    }
    arrays = {}
    for group, values in answers.items():
        for name, value in values.items():
            array = value.numpy()
            arrays[f"{group}/{name}"] = (
                array.astype("U") if array.dtype == "O" else array
            )
    np.savez(result, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
