"""The engines that compare.py measures. Each checks nothing and hides nothing: outputs once, then latencies of blocks of runs."""
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def load_tensors(folder, prefix):
    """prefix_0.pb, prefix_1.pb, ... of a folder, in order."""
    tensors = []
    while (path := pathlib.Path(folder) / f"{prefix}_{len(tensors)}.pb").exists():
        tensors.append(numpy_helper.to_array(onnx.load_tensor(str(path))))
    return tensors


class OnnxRuntime:
    """In this process, with inputs and outputs bound, so that a run copies nothing."""

    name = "ONNX Runtime"
    version = onnxruntime.__version__

    def __init__(self, folder, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options,
                                                    providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.inputs = load_tensors(folder / "test_data_set_0", "input")
        for declared, tensor in zip(self.session.get_inputs(), self.inputs):
            self.binding.bind_cpu_input(declared.name, tensor)
        for declared in self.session.get_outputs():
            self.binding.bind_output(declared.name)
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()

    def latencies(self, warmup, repeat):
        """Milliseconds of `repeat` runs after `warmup` untimed ones."""
        result = []
        for i in range(warmup + repeat):
            start = time.perf_counter_ns()
            self.session.run_with_iobinding(self.binding)
            if i >= warmup:
                result.append((time.perf_counter_ns() - start) / 1e6)
        return result

    def close(self):
        pass


class Served:
    """A process that obeys `run WARMUP REPEAT` on its standard input, as `cnnc bench --serve` and executables do."""

    def __init__(self, command):
        self.folder = tempfile.TemporaryDirectory(prefix="cnnc_compare_")
        self.process = subprocess.Popen([*map(str, command), "--serve", "--outputs", self.folder.name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def outputs(self):
        return load_tensors(self.folder.name, "output")

    def latencies(self, warmup, repeat):
        self.process.stdin.write(f"run {warmup} {repeat}\n")
        self.process.stdin.flush()
        return [ns / 1e6 for ns in self.answer()["latency_ns"]]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()


class CnncJit(Served):
    name = "cnnc"

    def __init__(self, cnnc, folder, threads, options=()):
        super().__init__([cnnc, "bench", folder / "model.onnx", "--threads", threads, "--quiet",
                          "--inputs", folder / "test_data_set_0", *options])


class CnncExecutable(Served):
    """Compiled with all sizes as the model declares them; needs no library."""

    name = "cnnc executable"

    def __init__(self, cnnc, folder, threads, options=()):
        self.built = tempfile.TemporaryDirectory(prefix="cnnc_compare_")
        program = pathlib.Path(self.built.name) / "model"
        subprocess.run([cnnc, "compile", folder / "model.onnx", "-o", program, "--quiet", *options], check=True)
        super().__init__([program, "--threads", threads, "--inputs", folder / "test_data_set_0"])

    def close(self):
        super().close()
        self.built.cleanup()
