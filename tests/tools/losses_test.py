"""The first losses of the benchmark's five networks, against those that PyTorch computes in float64.

losses.json has PyTorch's; CNNC_BLESS=1 records them, with the Python that CNNC_TORCH_PYTHON names.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

import numpy as np

from command import OK, TensorProto, numpy_helper
from training import TrainTest

HERE = pathlib.Path(__file__).parent
RECORDED = HERE / "losses.json"
BENCH = HERE.parents[1] / ".." / "shared" / "bench"
STEPS, BATCH = 20, 32


def without_dropout(layers):
    return [layer for layer in layers if layer[0] != "dropout"]


@unittest.skipUnless((BENCH / "bench_training.py").exists(), "the folder shared, which has the networks, is absent")
class Losses(TrainTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sys.path.insert(0, str(BENCH))
        import bench_training
        cls.bench = bench_training

    def network(self, name):
        """Its layers with weights, without the random ones, and a batch."""
        shape, _ = self.bench.spec(name)
        rng = np.random.default_rng(11)
        return self.bench.init(name), rng.standard_normal((BATCH, *shape)), rng.integers(0, 10, BATCH).astype(np.int32)

    def trained(self, name, dtype):
        _, x, y = self.network(name)
        spec = self.bench.spec
        self.bench.spec = lambda model: (spec(model)[0], without_dropout(spec(model)[1]))
        try:
            model = self.bench.to_onnx(name)
        finally:
            self.bench.spec = spec
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(dtype), tensor.name))
        for info in *model.graph.input, *model.graph.output:
            info.type.tensor_type.elem_type = {np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE}[dtype]
        self.model.write_bytes(model.SerializeToString())
        self.x, self.y = x.astype(dtype), y
        self.save()
        events = self.train("--optimizer", "adam", "--lr", 0.001, "--batch-size", BATCH, "--epochs", STEPS, "--no-shuffle")
        return [e["loss"] for e in events if e["event"] == "epoch"]

    def of_pytorch(self, name):
        if not os.environ.get("CNNC_BLESS"):
            return json.loads(RECORDED.read_text())[name]
        layers, x, y = self.network(name)
        weights = []

        def plain(layers):
            result = []
            for layer in without_dropout(layers):
                if layer[0] == "res":
                    result.append(["res", plain(layer[1]), plain(layer[2])])
                    continue
                if isinstance(layer[-1], dict):
                    weights.extend(layer[-1][k] for k in "wb" if layer[-1][k] is not None)
                result.append([v for v in layer if not isinstance(v, dict)])
            return result

        (self.folder / "layers.json").write_text(json.dumps(plain(layers)))
        np.savez(self.folder / "weights.npz", **{str(i): w for i, w in enumerate(weights)})
        np.save(self.folder / "px.npy", x)
        np.save(self.folder / "py.npy", y)
        files = [self.folder / f for f in ("layers.json", "weights.npz", "px.npy", "py.npy")]
        run = subprocess.run([os.environ["CNNC_TORCH_PYTHON"], HERE / "peer_losses.py", *files, str(STEPS)], capture_output=True,
                             text=True, timeout=600)
        self.assertEqual(0, run.returncode, run.stderr)
        recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
        recorded[name] = [float(f"{v:.9g}") for v in json.loads(run.stdout)]
        RECORDED.write_text("{" + ",\n".join(f'"{n}": {json.dumps(v)}' for n, v in recorded.items()) + "}\n")
        return recorded[name]

    def test_in_double_precision(self):
        for name in ("mlp", "lenet", "cifar_cnn", "vgg_small", "resnet20"):
            with self.subTest(name):
                np.testing.assert_allclose(self.trained(name, np.float64), self.of_pytorch(name), rtol=1e-6, atol=1e-6)

    # The other two enlarge rounding with each step.
    def test_in_single_precision(self):
        for name in ("mlp", "lenet", "cifar_cnn"):
            with self.subTest(name):
                np.testing.assert_allclose(self.trained(name, np.float32), self.of_pytorch(name), rtol=1e-4)


if __name__ == "__main__":
    unittest.main()
