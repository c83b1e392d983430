"""cnnc compile --train: executables that train as cnnc train does, and need nothing for it."""
import json
import os
import subprocess
import unittest

import numpy as np

from command import FILE, LIMIT, OK, USAGE, TensorProto, helper, numpy_helper, save_model, tensor_info, weights
from training import CLASSES, LOSS, TrainTest, save_dense, save_noisy_cnn, tensors_of

SAMPLES, BATCH = 29, 4


class TrainerTest(TrainTest):
    METHOD = "--loss", LOSS, "--optimizer", "adam", "--lr", "0.01", "--batch-size", str(BATCH)

    def setUp(self):
        super().setUp()
        save_noisy_cnn(self.model)
        self.x = weights(7, SAMPLES, 2, 8, 8)
        self.y = (np.arange(SAMPLES) % CLASSES).astype(np.int32)
        self.save()
        self.trainer = self.folder / "trainer"

    def compile(self, *more, method=None):
        self.expect(OK, "compile", "--train", self.model, *(method or self.METHOD), *more, "-o", self.trainer)

    def data(self):
        return "--data", self.folder / "x.npy", "--labels", self.folder / "y.npy"

    def execute(self, code, *arguments, out=None):
        process = subprocess.run([self.trainer, *self.data(), "--json", *map(str, arguments),
                                  *(["-o", out] if out else [])], capture_output=True, text=True, timeout=60)
        self.assertEqual(code, process.returncode, process.stderr)
        return process

    def outcome(self, lines):
        kept = "event", "epoch", "steps", "loss", "val_loss", "val_accuracy", "parameters"
        return [{k: e[k] for k in kept if k in e} for e in map(json.loads, lines.splitlines())]

    def check_same(self, *arguments, method=None):
        """The trainer and cnnc train report the same numbers and write the same file."""
        alone, within = self.folder / "alone.onnx", self.folder / "within.onnx"
        found = self.execute(OK, *arguments, out=alone)
        out, _ = self.expect(OK, "train", self.model, *(method or self.METHOD), *self.data(), "--json", *arguments,
                             "-o", within)
        self.assertEqual(self.outcome(out), self.outcome(found.stdout))
        self.assertEqual(within.read_bytes(), alone.read_bytes())

    def check_error(self, code, *arguments, words):
        process = self.execute(code, *arguments)
        self.assertEqual(1, process.stderr.count("error: "), process.stderr)
        for word in words:
            self.assertIn(str(word), process.stderr)


class SameAsTheCommand(TrainerTest):
    def test_with_partial_batches_dropout_and_statistics(self):
        self.compile()
        self.check_same("--epochs", 3, "--seed", 7, "--threads", 2)
        self.check_same("--steps", 5, "--no-shuffle")

    def test_with_validation(self):
        self.compile()
        self.check_same("--epochs", 2, "--validation-split", 0.3)

    def test_with_another_learning_rate(self):
        self.compile()
        rate = "--lr-schedule", "cosine,decay_steps=9,warmup_steps=3"
        alone = self.folder / "alone.onnx"
        self.execute(OK, "--epochs", 2, "--lr", 0.02, *rate, out=alone)
        method = [*self.METHOD]
        method[method.index("0.01")] = "0.02"
        self.expect(OK, "train", self.model, *method, *self.data(), "--epochs", 2, *rate, "-o", self.out)
        self.assertEqual(self.out.read_bytes(), alone.read_bytes())

    def test_with_a_table_that_is_read_at_places_in_the_data(self):
        nodes = [helper.make_node("Gather", ["table", "x"], ["rows"]),
                 helper.make_node("ReduceMean", ["rows"], ["y"], axes=[1], keepdims=0)]
        save_model(self.model, nodes, [tensor_info("x", ["n", 9], TensorProto.INT64)], [tensor_info("y", ["n", CLASSES])],
                   [numpy_helper.from_array(weights(3, 50, CLASSES), "table")])
        self.x = np.random.default_rng(5).integers(0, 50, (SAMPLES, 9))
        self.save()
        self.compile()
        self.check_same("--epochs", 2, "--threads", 2)

    def test_with_sample_weights(self):
        np.save(self.folder / "w.npy", np.abs(weights(3, SAMPLES)))
        self.compile("--weighted")
        self.check_same("--sample-weights", self.folder / "w.npy")
        self.check_error(USAGE, words=["--sample-weights FILE is missing"])

    def test_with_frozen_tensors_and_fewer_samples_than_a_batch(self):
        method = "--loss", "mse", "--optimizer", "adagrad", "--freeze", "w*", "--l2", "0.01"
        save_dense(self.model)
        self.x, self.y = weights(7, 10, 4), weights(8, 10, CLASSES)
        self.save()
        self.compile(method=method)
        self.check_same("--epochs", 2, method=method)

    def test_with_several_inputs(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["z", "v"], ["k"]),
                 helper.make_node("Add", ["h", "k"], ["y"]), helper.make_node("Relu", ["y"], ["r"])]
        save_model(self.model, nodes, [tensor_info("x", ["n", 4]), tensor_info("z", ["m", 2])],
                   [tensor_info("y", ["n", CLASSES]), tensor_info("r", ["n", CLASSES])],
                   [numpy_helper.from_array(weights(1, 4, CLASSES), "w"), numpy_helper.from_array(weights(2, 2, CLASSES), "v")])
        self.x = weights(7, SAMPLES, 4)
        np.save(self.folder / "z.npy", weights(8, SAMPLES, 2))
        self.save()
        data = f"x={self.folder}/x.npy,z={self.folder}/z.npy"
        self.data = lambda: ("--data", data, "--labels", self.folder / "y.npy")
        method = *self.METHOD, "--output-name", "y"
        self.compile(method=method)
        self.check_same("--epochs", 2, method=method)
        self.data = lambda: ("--data", self.folder / "x.npy", "--labels", self.folder / "y.npy")
        self.check_error(USAGE, words=["no file for input 'x'"])

    def test_of_a_model_with_a_batch_of_its_own(self):
        save_dense(self.model, batch=5)
        self.x, self.y = weights(7, 10, 4), self.y[:10]
        self.save()
        method = "--loss", LOSS, "--batch-size", "5"
        self.compile(method=method)
        self.check_same("--epochs", 2, method=method)
        self.x, self.y = self.x[:8], self.y[:8]
        self.save()
        self.check_error(USAGE, words=["8 samples", "full batches of 5", "fixed"])

    def test_goes_on_from_a_checkpoint(self):
        """Also one that the other wrote."""
        self.compile()
        state, whole, parts = self.folder / "state", self.folder / "whole.onnx", self.folder / "parts.onnx"
        self.execute(OK, "--steps", 10, "--seed", 3, out=whole)
        for command in False, True:
            first = "--steps", 4, "--seed", 3, "--checkpoint", state
            if command:
                self.expect(OK, "train", self.model, *self.METHOD, *self.data(), *first)
            else:
                self.execute(OK, *first)
            self.execute(OK, "--steps", 10, "--resume", state, out=parts)
            self.assertEqual(whole.read_bytes(), parts.read_bytes())

    def test_goes_on_with_the_same_step_only(self):
        state = self.folder / "state"
        self.expect(OK, "train", self.model, *self.METHOD, *self.data(), "--steps", 2, "--checkpoint", state)
        self.compile("--convention", "pytorch")
        self.check_error(USAGE, "--steps", 4, "--resume", state,
                         words=[state, "convention = keras, now it is convention = pytorch"])


class WhatItNeeds(TrainerTest):
    def test_only_the_c_library(self):
        self.compile("--kernels", "llvm")
        libraries = subprocess.run(["ldd", self.trainer], capture_output=True, text=True).stdout
        names = {os.path.basename(line.split()[0]) for line in libraries.splitlines()}
        self.assertLessEqual(names, {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"})
        self.model.unlink()
        self.execute(OK, out=self.out)
        self.assertFalse(np.array_equal(tensors_of(self.out)["v"], 0))

    def test_nothing_when_static(self):
        self.compile("--static")
        self.assertIn("not a dynamic executable", subprocess.run(["ldd", self.trainer], capture_output=True,
                                                                 text=True).stderr)
        self.check_same()

    def test_help_and_version(self):
        self.compile()
        for flag, word in ("--help", "--batch-size B"), ("--version", "cnnc "):
            process = subprocess.run([self.trainer, flag], capture_output=True, text=True)
            self.assertEqual(0, process.returncode)
            self.assertIn(word, process.stdout)


class BadInput(TrainerTest):
    def test_of_the_trainer(self):
        self.compile()
        self.check_error(USAGE, "--batch-size", 5, words=["compile time: 4, not 5"])
        self.check_error(USAGE, "--momentum", 1, words=["unknown argument '--momentum'"])
        self.check_error(USAGE, "--lr", "fast", words=["--lr needs a number", "fast"])
        self.check_error(USAGE, "--lr-schedule", "cosine", words=["decay_steps= is missing"])
        self.check_error(USAGE, "--sample-weights", self.folder / "y.npy", words=["--weighted"])
        self.check_error(USAGE, "--checkpoint-every", "never", words=["never"])
        self.check_error(USAGE, "--validation-split", "0.99", words=["0 to train"])
        self.check_error(FILE, "-o", self.folder / "nowhere" / "x.onnx", words=["nowhere"])
        self.check_error(FILE, "--resume", self.model, words=["another kind"])

    def test_of_the_data(self):
        self.compile()
        good = self.x, self.y
        for x, y, words in ((self.x[:, :1], self.y, ["f32[29,1,8,8]", "f32[N,2,8,8]"]),
                            (self.x.astype(np.float64), self.y, ["f64[29,2,8,8]"]),
                            (self.x, self.y[:7], ["7 labels", "29 samples"]),
                            (self.x, self.y + 1, ["label 3 of sample 2", "3 classes"]),
                            (self.x, self.y.astype(np.float32), ["labels are f32[29]", "integers"]),
                            (self.x[:0], self.y[:0], ["no samples"])):
            self.x, self.y = x, y
            self.save()
            self.check_error(USAGE, words=words)
        self.x, self.y = good
        self.x[3] = np.nan
        self.save()
        self.check_error(LIMIT, "--no-shuffle", words=["step 1"])
        self.execute(OK, "--nan", "skip", "--no-shuffle")

    def test_of_the_compiler(self):
        compile = "compile", self.model, "-o", self.trainer
        self.expect_error(USAGE, *compile, "--train", words=["--train needs --loss"])
        self.expect_error(USAGE, *compile, "--loss", "mse", words=["--loss requires --train"])
        self.expect_error(USAGE, *compile, "--train", "--loss", "mse", "--emit", "so", words=["executables only"])
        save_model(self.model, [helper.make_node("Mul", ["x", "w"], ["y"])], [tensor_info("x", ["n", "m"])],
                   [tensor_info("y", ["n", "m"])], [numpy_helper.from_array(weights(1, 1), "w")])
        self.expect_error(USAGE, *compile, "--train", "--loss", "mse", words=["'x'", "--dim"])
        self.expect(OK, *compile, "--train", "--loss", "mse", "--dim", "m=3")
        self.assertTrue(self.trainer.exists())


if __name__ == "__main__":
    unittest.main()
