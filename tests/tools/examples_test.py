"""Example programs from the data to the executable that classifies, on sets small enough for every run."""
import gzip
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

import numpy as np

BIN = pathlib.Path(os.environ["CNNC_BINARY_DIR"]) / "bin"


def save_idx(path, array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + array.astype(np.uint8).tobytes())


def save_digits(folder, count):
    """Images of ten kinds: a bright row at a height that tells the class."""
    rng = np.random.default_rng(1)
    for part in ("train", "t10k"):
        labels = rng.integers(0, 10, count)
        images = rng.integers(0, 40, (count, 28, 28))
        images[np.arange(count), 2 + 2 * labels] += 200
        save_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        save_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_example(self, name, *arguments, status=0):
        result = subprocess.run([BIN / name, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(status, result.returncode, result.stdout + result.stderr)
        return result.stdout if status == 0 else result.stderr

    def test_digits_are_learnt_and_classified_by_the_executable(self):
        save_digits(self.folder, 600)
        output = self.run_example("train_mnist", "--data", self.folder, "--epochs", 8)
        self.assertIn("Epoch 8/8", output)
        self.assertIn("Saved mnist.onnx and compiled it to mnist.", output)
        self.assertEqual(3, output.count("(label "))
        self.assertEqual(3, len(list(self.folder.glob("mnist_files/*.png"))))
        self.assertTrue(os.access(self.folder / "mnist", os.X_OK))

    def test_json_lines(self):
        save_digits(self.folder, 200)
        lines = self.run_example("train_mnist", "--data", self.folder, "--epochs", 2, "--json").splitlines()
        events = [json.loads(line) for line in lines]
        self.assertEqual(["epoch", "epoch", "evaluate"], [event["event"] for event in events])
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "seconds", "samples_per_second"):
            self.assertIn(name, events[1])

    def test_linear_models_need_no_data(self):
        output = self.run_example("linear_models")
        self.assertIn("y = 3.000 a -2.000 b +1.000", output)
        self.assertEqual(3, output.count("class 1 with probability"))

    def test_missing_data_is_said(self):
        message = self.run_example("train_cifar10", status=1)
        self.assertIn("there is no folder data/cifar-10-batches-bin; name the one that has the data with --data", message)
        self.assertIn("nowhere: has no train-images", self.run_example("lenet5", "--data", "nowhere", status=1))

    def test_unknown_flags_are_said(self):
        self.assertIn("--sizes is not known", self.run_example("lenet5", "--sizes", 3, status=2))
        self.assertIn("--data is not known", self.run_example("linear_models", "--data", "x", status=2))
        self.assertIn("--epochs takes a number, not many", self.run_example("vgg", "--epochs", "many", status=2))


if __name__ == "__main__":
    unittest.main()
