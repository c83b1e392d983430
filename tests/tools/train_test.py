"""cnnc train and cnnc eval: what they compute, and every kind of bad input."""
import json
import os
import unittest

import numpy as np
import onnx

from command import FILE, LIMIT, MODEL, OK, USAGE, CommandTest, helper, numpy_helper, save_model, tensor_info, weights

CLASSES = 3
LOSS = "sparse_categorical_crossentropy"


def save_dense(path, batch="batch", seed=0):
    """One dense layer, x f32[batch,4] to y f32[batch,3]."""
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc1", transB=1)]
    tensors = {"w": weights(seed + 1, CLASSES, 4), "b": weights(seed + 2, CLASSES)}
    save_model(path, nodes, [tensor_info("x", [batch, 4])], [tensor_info("y", [batch, CLASSES])],
               [numpy_helper.from_array(t, n) for n, t in tensors.items()])
    return tensors


def tensors_of(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


class TrainTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.tensors = save_dense(self.model)
        self.x = weights(7, 10, 4)
        self.y = np.arange(10, dtype=np.int32) % CLASSES
        self.out = self.folder / "trained.onnx"
        self.save()

    def save(self):
        np.save(self.folder / "x.npy", self.x)
        np.save(self.folder / "y.npy", self.y)

    def arguments(self, *more, loss=LOSS, command="train"):
        return [command, self.model, "--data", self.folder / "x.npy", "--labels", self.folder / "y.npy", "--loss", loss,
                *more]

    def train(self, *more, loss=LOSS):
        out, _ = self.expect(OK, *self.arguments(*more, "--json", "-o", self.out, loss=loss))
        return [json.loads(line) for line in out.splitlines()]

    def refuse(self, code, *more, words=(), loss=LOSS):
        self.expect_error(code, *self.arguments(*more, "-o", self.out, loss=loss), words=words)
        self.assertFalse(self.out.exists())


class Training(TrainTest):
    def test_one_step_of_gradient_descent(self):
        events = self.train("--lr", 0.5, "--batch-size", 10, "--no-shuffle")
        z = self.x @ self.tensors["w"].T + self.tensors["b"]
        p = softmax(z)
        self.assertAlmostEqual(-np.log(p[np.arange(10), self.y]).mean(), events[1]["loss"], 5)
        slope = (p - np.eye(CLASSES)[self.y]) / 10
        got = tensors_of(self.out)
        np.testing.assert_allclose(got["w"], self.tensors["w"] - 0.5 * slope.T @ self.x, atol=1e-6)
        np.testing.assert_allclose(got["b"], self.tensors["b"] - 0.5 * slope.sum(0), atol=1e-6)

    def test_events(self):
        events = self.train("--batch-size", 4, "--epochs", 2)
        self.assertEqual(["start", "epoch", "epoch", "end"], [e["event"] for e in events])
        self.assertEqual(CLASSES * 4 + CLASSES, events[0]["parameters"])
        self.assertEqual([3, 3], [e["steps"] for e in events[1:3]])

    def test_steps_cut_an_epoch_short(self):
        events = self.train("--batch-size", 4, "--steps", 4)
        self.assertEqual([3, 1], [e["steps"] for e in events[1:3]])

    def test_same_seed_same_bits_for_any_number_of_threads(self):
        results = []
        for threads in (1, 2, 2):
            self.train("--batch-size", 3, "--epochs", 3, "--seed", 5, "--threads", threads, "--optimizer", "adam")
            results.append(tensors_of(self.out)["w"].tobytes())
        self.assertEqual(1, len(set(results)))

    def test_frozen_tensors_stay(self):
        self.train("--freeze", "b")
        got = tensors_of(self.out)
        np.testing.assert_array_equal(got["b"], self.tensors["b"])
        self.assertFalse(np.array_equal(got["w"], self.tensors["w"]))

    def test_validation_split_holds_out_the_last_samples(self):
        events = self.train("--validation-split", 0.3, "--lr", 0, "--batch-size", 16)
        z = self.x[7:] @ self.tensors["w"].T + self.tensors["b"]
        loss = -np.log(softmax(z)[np.arange(3), self.y[7:]]).mean()
        self.assertAlmostEqual(loss, events[1]["val_loss"], 5)
        self.assertAlmostEqual((z.argmax(1) == self.y[7:]).mean(), events[1]["val_accuracy"], 5)

    def test_evaluation(self):
        out, _ = self.expect(OK, *self.arguments("--json", "--batch-size", 4, command="eval"))
        z = self.x @ self.tensors["w"].T + self.tensors["b"]
        result = json.loads(out)
        self.assertAlmostEqual(-np.log(softmax(z)[np.arange(10), self.y]).mean(), result["loss"], 5)
        self.assertAlmostEqual((z.argmax(1) == self.y).mean(), result["accuracy"], 5)

    def test_steps_with_a_bad_loss_are_skipped(self):
        self.x[2] = np.nan
        self.save()
        self.train("--nan", "skip", "--batch-size", 5, "--no-shuffle")
        self.assertTrue(np.isfinite(tensors_of(self.out)["w"]).all())


class BadTrainingInput(TrainTest):
    def test_label_out_of_range(self):
        self.y[4] = CLASSES
        self.save()
        self.refuse(USAGE, words=["label 3", "sample 4", "3 classes"])

    def test_labels_of_the_wrong_type(self):
        self.y = self.y.astype(np.float32)
        self.save()
        self.refuse(USAGE, words=["labels are f32", "integers"])

    def test_labels_of_another_shape(self):
        self.refuse(USAGE, words=["labels are i32[10]", "f32[10,3]"], loss="mse")

    def test_data_of_another_shape(self):
        self.x = weights(7, 10, 5)
        self.save()
        self.refuse(USAGE, words=["x"])

    def test_data_of_another_type(self):
        self.x = self.x.astype(np.float64)
        self.save()
        self.refuse(USAGE, words=["f64[10,4]", "input is f32"])

    def test_fewer_labels_than_samples(self):
        self.y = self.y[:7]
        self.save()
        self.refuse(USAGE, words=["7 labels", "10 samples"])

    def test_no_samples(self):
        self.x, self.y = self.x[:0], self.y[:0]
        self.save()
        self.refuse(USAGE, words=["no samples"])

    def test_fewer_samples_than_a_batch_are_one_batch(self):
        events = self.train("--batch-size", 64)
        self.assertEqual(1, events[1]["steps"])

    def test_loss_that_is_no_number(self):
        self.x[2] = np.nan
        self.save()
        self.refuse(LIMIT, "--batch-size", 5, "--no-shuffle", words=["step 1", "--nan=skip"])

    def test_unknown_names(self):
        self.refuse(USAGE, words=["no loss", "mse"], loss="msle")
        self.refuse(USAGE, "--optimizer", "adamax", words=["no optimizer", "adamw"])
        self.refuse(USAGE, "--freeze", "nothing", words=["no initializer", "nothing"])
        self.refuse(USAGE, "--lr-schedule", "linear", words=["linear", "cosine"])
        self.refuse(USAGE, "--lr-schedule", "cosine", words=["decay_steps"])

    def test_split_that_leaves_nothing(self):
        self.refuse(USAGE, "--validation-split", 1, words=["--validation-split", "0 to train"])

    def test_missing_files(self):
        os.remove(self.folder / "x.npy")
        self.refuse(FILE, words=["x.npy"])

    def test_output_that_cannot_be_written(self):
        self.out = self.folder / "nowhere" / "trained.onnx"
        self.expect(FILE, *self.arguments("-o", self.out))

    def test_model_without_weights(self):
        save_model(self.model, [helper.make_node("Relu", ["x"], ["y"])], [tensor_info("x", ["n", 4])],
                   [tensor_info("y", ["n", 4])])
        self.refuse(MODEL, words=["no weights"])

    def test_operator_without_a_gradient(self):
        nodes = [helper.make_node("Mul", ["x", "w"], ["h"], name="scale"),
                 helper.make_node("CumProd", ["h", "axis"], ["y"], name="product")]
        save_model(self.model, nodes, [tensor_info("x", ["n", 4])], [tensor_info("y", ["n", 4])],
                   [numpy_helper.from_array(weights(1, 4), "w"), numpy_helper.from_array(np.int64(1), "axis")], opset=26)
        self.refuse(MODEL, words=["product", "CumProd", "derivative"])


if __name__ == "__main__":
    unittest.main()
