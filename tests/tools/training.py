"""Models and data for tests of training."""
import json

import numpy as np
import onnx

from command import OK, CommandTest, helper, numpy_helper, save_model, tensor_info, weights

CLASSES = 3
LOSS = "sparse_categorical_crossentropy"


def save_dense(path, batch="batch", seed=0):
    """One dense layer, x f32[batch,4] to y f32[batch,3]."""
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc1", transB=1)]
    tensors = {"w": weights(seed + 1, CLASSES, 4), "b": weights(seed + 2, CLASSES)}
    save_model(path, nodes, [tensor_info("x", [batch, 4])], [tensor_info("y", [batch, CLASSES])],
               [numpy_helper.from_array(t, n) for n, t in tensors.items()])
    return tensors


def save_noisy_cnn(path, batch="batch", in_training_mode=False):
    """Everything that a step carries along: weights, running statistics, random numbers of Dropout."""
    mode = {"training_mode": 1} if in_training_mode else {}
    statistics = ["m", "s"] if in_training_mode else []
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], name="conv1", pads=[1, 1, 1, 1], strides=[2, 2]),
             helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n", *statistics],
                              name="bn1", **mode),
             helper.make_node("Relu", ["n"], ["r"]),
             helper.make_node("Dropout", ["r", "ratio", *(["yes"] if in_training_mode else [])], ["d"], name="drop1"),
             helper.make_node("Flatten", ["d"], ["f"]),
             helper.make_node("Gemm", ["f", "v", "b"], ["y"], name="fc1")]
    tensors = {"w": weights(1, 6, 2, 3, 3) * np.float32(0.3), "scale": np.ones(6, np.float32),
               "shift": np.zeros(6, np.float32), "mean": np.zeros(6, np.float32), "var": np.ones(6, np.float32),
               "ratio": np.float32(0.25), "v": weights(2, 96, CLASSES) * np.float32(0.1),
               "b": np.zeros(CLASSES, np.float32), **({"yes": np.bool_(True)} if in_training_mode else {})}
    save_model(path, nodes, [tensor_info("x", [batch, 2, 8, 8])], [tensor_info("y", [batch, CLASSES])],
               [numpy_helper.from_array(np.asarray(t), n) for n, t in tensors.items()])


def tensors_of(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


class TrainTest(CommandTest):
    """A dense layer, its samples x.npy and y.npy, and the command that trains it."""

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
