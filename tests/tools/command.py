"""Runs the command in tests, and makes the small models they need."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

CNNC = pathlib.Path(os.environ.get("CNNC_BINARY_DIR", "build")) / "bin" / "cnnc"

SANITIZED = bool(os.environ.get("CNNC_SANITIZE"))

OK, MISMATCH, USAGE, MODEL, FILE, LIMIT = 0, 1, 2, 3, 4, 5


def run(*arguments, cwd=None, stdin=None, before=None):
    """(exit code, standard output, standard error) of a cnnc command."""
    process = subprocess.run([CNNC, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, text=True,
                             preexec_fn=before, timeout=120)
    return process.returncode, process.stdout, process.stderr


def weights(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def save_model(path, nodes, inputs, outputs, initializers=(), opset=17, **options):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path, **options)


def tensor_info(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save_cnn(path, batch="batch", seed=0, **options):
    """Conv + Relu + mean over the image + product; x f32[batch,3,8,8] to y f32[batch,5]."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu1"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool1"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten1"),
        helper.make_node("MatMul", ["f", "v"], ["y"], name="fc1"),
    ]
    tensors = {"w": weights(seed + 1, 4, 3, 3, 3), "b": weights(seed + 2, 4), "v": weights(seed + 3, 4, 5)}
    save_model(path, nodes, [tensor_info("x", [batch, 3, 8, 8])], [tensor_info("y", [batch, 5])],
               [numpy_helper.from_array(t, n) for n, t in tensors.items()], **options)
    return tensors


def cnn(x, w, b, v):
    """What save_cnn's model computes."""
    n, _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((n, 4, height, width), np.float32)
    for i in range(3):
        for j in range(3):
            y += np.einsum("oc,nchw->nohw", w[:, :, i, j], padded[:, :, i : i + height, j : j + width])
    return np.maximum(y + b[None, :, None, None], 0).mean((2, 3)) @ v


class CommandTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="cnnc_command_")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.model = self.folder / "model.onnx"

    def expect(self, code, *arguments, **options):
        """Runs, checks the exit code, returns both streams."""
        if SANITIZED and arguments and arguments[0] == "compile":
            self.skipTest("models are linked without the sanitizer's runtime, which ours needs in this build")
        found, out, err = run(*arguments, **options)
        self.assertEqual(code, found, f"cnnc {' '.join(map(str, arguments))}\n{out}\n{err}")
        return out, err

    def expect_error(self, code, *arguments, words=(), **options):
        """One error message that has all the words, and nothing on standard output."""
        out, err = self.expect(code, *arguments, **options)
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        self.assertEqual(1, len(errors), err)
        for word in words:
            self.assertIn(str(word), err)
        return err
