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


def save_colours(folder, count):
    """CIFAR-10's files with images of ten colours."""
    rng = np.random.default_rng(2)
    for part in ("data_batch_1", "test_batch"):
        labels = rng.integers(0, 10, (count, 1))
        images = rng.integers(0, 30, (count, 3, 1024)) + (20 * labels[:, :, None] * np.array([1, 0.5, 0.2])[None, :, None])
        np.concatenate([labels, images.reshape(count, -1)], axis=1).astype(np.uint8).tofile(folder / f"{part}.bin")


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

    def test_a_trained_network_learns_other_classes(self):
        save_digits(self.folder, 600)
        output = self.run_example("finetune", "--data", self.folder, "--epochs", 6)
        self.assertTrue((self.folder / "base.onnx").exists())
        self.assertIn("Trainable params: 325 ", output)
        self.assertGreater(float(output.split("Test accuracy: ")[1].split()[0]), 0.5)
        shown = [line.split() for line in output.splitlines() if line.startswith("class ")]
        self.assertEqual(3, len(shown))
        for _, found, _, label, _ in shown:
            self.assertIn(int(found), range(5, 10))
            self.assertIn(int(label.rstrip("),")), range(5, 10))
        again = self.run_example("finetune", "--data", self.folder, "--json")
        self.assertEqual(["epoch", "epoch", "evaluate"], [json.loads(line)["event"] for line in again.splitlines()])

    def test_auxiliary_heads_learn_along_and_are_left_out(self):
        save_colours(self.folder, 100)
        lines = self.run_example("googlenet", "--data", self.folder, "--epochs", 2, "--size", 1, "--json").splitlines()
        first, second, evaluation = map(json.loads, lines)
        for name in ("main_loss", "aux1_loss", "aux2_loss", "main_accuracy", "val_aux1_loss"):
            self.assertIn(name, first)
        total = first["main_loss"] + 0.3 * (first["aux1_loss"] + first["aux2_loss"])
        self.assertAlmostEqual(total, first["loss"], places=3)
        self.assertLess(second["loss"], first["loss"])
        self.assertEqual("evaluate", evaluation["event"])

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
