"""Bad input: one clear message, the documented exit code, nothing half-written."""
import os
import pathlib
import resource
import subprocess
import unittest

import numpy as np

from command import CNNC, FILE, MODEL, OK, USAGE, CommandTest, helper, run, save_cnn, save_model, tensor_info


class BadModels(CommandTest):
    def test_missing_file(self):
        self.expect_error(FILE, "check", "nowhere.onnx", words=["nowhere.onnx", "No such file"])

    def test_folder_instead_of_a_file(self):
        self.expect_error(FILE, "check", self.folder, words=[self.folder.name])
        save_cnn(self.model)
        self.expect_error(FILE, "check", self.folder, words=["is a folder", "model.onnx"])

    def test_not_an_onnx_file(self):
        self.model.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        self.expect_error(MODEL, "check", self.model, words=["model.onnx"])

    def test_empty_file(self):
        self.model.write_bytes(b"")
        self.expect_error(MODEL, "check", self.model, words=["empty"])

    def test_truncated_file(self):
        save_cnn(self.model)
        whole = self.model.read_bytes()
        for size in (1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
            self.model.write_bytes(whole[:size])
            self.expect_error(MODEL, "compile", self.model, "-o", self.folder / "exe")
        self.assertEqual(["model.onnx"], os.listdir(self.folder))

    def save_with_external_data(self):
        save_cnn(self.model, save_as_external_data=True, location="weights.bin", size_threshold=0)

    def test_external_data_is_missing(self):
        self.save_with_external_data()
        (self.folder / "weights.bin").unlink()
        self.expect_error(FILE, "compile", self.model, "-o", self.folder / "exe", words=["weights.bin"])

    def test_external_data_is_too_short(self):
        self.save_with_external_data()
        os.truncate(self.folder / "weights.bin", 10)
        self.expect_error(MODEL, "check", self.model, words=["weights.bin"])

    def test_external_data_outside_the_folder(self):
        self.save_with_external_data()
        (self.folder / "weights.bin").rename(self.folder.parent / "cnnc_outside.bin")
        self.addCleanup((self.folder.parent / "cnnc_outside.bin").unlink)
        text = self.model.read_bytes().replace(b"weights.bin", b"../cnnc_o.b")
        self.model.write_bytes(text)
        self.expect_error(FILE, "check", self.model, words=["conv1", "../cnnc_o.b", "inside the model's folder"])

    def test_unsupported_operators_are_all_named(self):
        nodes = [helper.make_node("Frobnicate", ["x"], ["a"], name="first", domain="strange.domain"),
                 helper.make_node("Quuxify", ["a"], ["y"], name="second", domain="strange.domain")]
        save_model(self.model, nodes, [tensor_info("x", [2])], [tensor_info("y", [2])])
        for command in (["check"], ["compile", "-o", self.folder / "exe"], ["bench"]):
            self.expect_error(MODEL, command[0], self.model, *command[1:],
                              words=["Frobnicate", "Quuxify", "first", "second"])
        self.assertEqual(["model.onnx"], os.listdir(self.folder))

    def test_bad_text_graph_tells_the_place(self):
        graph = self.folder / "bad.cnnir"
        graph.write_text("graph @g(%x: f32[2]) -> f32[2] {\n  %0 = Relu(%nothing) : f32[2]\n  return %0\n}\n")
        self.expect_error(MODEL, "opt", graph, words=["bad.cnnir", "line 2, column 13"])


    def test_text_graph_without_its_constants(self):
        save_cnn(self.model)
        graph = self.folder / "hashes.cnnir"
        graph.write_text(self.expect(OK, "--dump-ir", self.model)[0])
        for command in (["compile", graph, "-o", self.folder / "exe"], ["run", graph], ["compare", graph]):
            self.expect_error(MODEL, *command, words=["hash"])


class BadInputs(CommandTest):
    def setUp(self):
        super().setUp()
        save_cnn(self.model)
        self.good = self.save("good.npy", np.zeros((2, 3, 8, 8), np.float32))

    def save(self, name, array):
        np.save(self.folder / name, array)
        return self.folder / name

    def commands(self):
        executable = self.folder / "exe"
        if not executable.exists():
            self.expect(OK, "compile", self.model, "-o", executable)
        return [[CNNC, "run", self.model, "--inputs"], [CNNC, "bench", self.model, "--inputs"], [executable, "--inputs"]]

    def expect_refusal(self, code, source, words):
        for command in self.commands():
            process = subprocess.run([*command, source], capture_output=True, text=True)
            self.assertEqual(code, process.returncode, (command, process.stderr))
            self.assertEqual("", process.stdout)
            for word in words:
                self.assertIn(word, process.stderr)

    def test_good_input_is_taken(self):
        for command in self.commands():
            process = subprocess.run([*command, f"x={self.good}"], capture_output=True, text=True)
            self.assertEqual(0, process.returncode, process.stderr)

    def test_wrong_name(self):
        self.expect_refusal(USAGE, f"z={self.good}", ["z", "x"])

    def test_wrong_shape(self):
        path = self.save("shape.npy", np.zeros((2, 4, 8, 8), np.float32))
        self.expect_refusal(USAGE, f"x={path}", ["x", "4", "3"])

    def test_wrong_rank(self):
        path = self.save("rank.npy", np.zeros((2, 3, 8), np.float32))
        self.expect_refusal(USAGE, f"x={path}", ["x"])

    def test_wrong_dtype(self):
        path = self.save("dtype.npy", np.zeros((2, 3, 8, 8), np.float64))
        self.expect_refusal(USAGE, f"x={path}", ["f64", "f32"])

    def test_missing_input_file(self):
        self.expect_refusal(FILE, f"x={self.folder}/nowhere.npy", ["nowhere.npy"])

    def test_damaged_input_file(self):
        path = self.folder / "damaged.npy"
        path.write_bytes(self.good.read_bytes()[:200])
        self.expect_refusal(FILE, f"x={path}", ["damaged.npy"])


class BadOutputs(CommandTest):
    def setUp(self):
        super().setUp()
        save_cnn(self.model)

    def test_unwritable_output(self):
        for path in (self.folder / "missing" / "exe", "/proc/exe"):
            self.expect_error(FILE, "compile", self.model, "-o", path, words=[path])

    def test_full_disk_leaves_nothing(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        for emit in ("exe", "so", "a", "llvm"):
            with self.subTest(emit):
                self.expect_error(FILE, "compile", self.model, f"--emit={emit}", "-o", self.folder / "out", before=limit)
                self.assertEqual(["model.onnx"], os.listdir(self.folder))

    def test_full_standard_output(self):
        with open("/dev/full", "w") as full:
            process = subprocess.run([CNNC, "--dump-ir", self.model], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(FILE, process.returncode, process.stderr)
        self.assertIn("standard output", process.stderr)

    def test_unwritable_run_outputs(self):
        self.expect_error(FILE, "run", self.model, "--outputs", "/proc/outputs", words=["/proc/outputs"])


class BadUsage(CommandTest):
    def test_no_command(self):
        self.expect_error(USAGE, words=["--help"])

    def test_unknown_command_and_option(self):
        self.expect_error(USAGE, "frobnicate")
        self.expect_error(USAGE, "check", "--frobnicate", "x.onnx", words=["--frobnicate"])

    def test_names_that_are_nearly_right_are_suggested(self):
        self.expect_error(USAGE, "compil", "x.onnx", words=["'compil'", "did you mean 'compile'?"])
        self.expect_error(USAGE, "run", "--kernls=llvm", "x.onnx", words=["--kernls", "did you mean '--kernels'?"])
        save_cnn(self.model)
        self.expect_error(USAGE, "explain", "--node=conv", self.model, words=["'conv'", "did you mean 'conv1'?"])

    def test_bad_values(self):
        save_cnn(self.model)
        for option, words in [("--dim=batch", ["NAME=SIZE"]), ("--dim=batch=two", ["two"]), ("--dim=b=2", ["b"]),
                              ("--shape=x=1x3x8", ["x"]), ("--shape=z=1x3x8x8", ["z"]), ("--kernels=cuda", ["auto"]),
                              ("--target=z80", ["x86-64-v3"]),
                              ("--target=x86-64-v3+mmx9", ["mmx9", "avx512vnni"]), ("--disable-pass=nothing", ["nothing"]),
                              ("--disable-kernel=llvm:winogard", ["llvm:winogard", "llvm:winograd, "]),
                              ("--stop-after=nothing", ["fold-constants"])]:
            with self.subTest(option):
                self.expect_error(USAGE, "check", self.model, option, words=words)

    def test_devices_are_written_to(self):
        """Nothing takes the place of a device, even where the user may write to its folder."""
        save_cnn(self.model)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
            self.expect(OK, "compile", self.model, "--emit=obj", "-o", pipe, "--quiet")
            self.assertTrue(reader.stdout.read().startswith(b"\x7fELF"))
        self.assertTrue(pipe.is_fifo())

    def test_static_library(self):
        save_cnn(self.model)
        self.expect_error(USAGE, "compile", self.model, "--emit=so", "--static", words=["--static"])

    def test_cpu_without_the_features(self):
        """An executable for another CPU tells the missing feature: no CPU has both vendors' own extensions."""
        save_cnn(self.model)
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
        foreign = "xop" if "xop" not in flags else "amx-tile"
        self.expect(OK, "compile", self.model, "--target=x86-64-v2+" + foreign, "-o", self.folder / "exe")
        process = subprocess.run([self.folder / "exe"], capture_output=True, text=True)
        self.assertEqual(MODEL, process.returncode, process.stderr)
        self.assertIn(f"this CPU lacks {foreign}", process.stderr)
        self.assertEqual("", process.stdout)


if __name__ == "__main__":
    unittest.main()
