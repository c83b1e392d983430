"""Strings and complex numbers through the command: interpreter, JIT and executable, files in and out."""
import subprocess
import unittest

import numpy as np

from command import CNNC, FILE, OK, USAGE, CommandTest, TensorProto, helper, numpy_helper, save_model, tensor_info

NAMES = np.array(["cat", "dog", "", "é"], dtype=object)


class Strings(CommandTest):
    def save_labels(self):
        """Names by index, whether they are "dog", and the index as text."""
        nodes = [
            helper.make_node("Gather", ["names", "i"], ["label"], name="lookup"),
            helper.make_node("Equal", ["label", "wanted"], ["found"], name="compare"),
            helper.make_node("Cast", ["i"], ["text"], name="format", to=TensorProto.STRING),
            helper.make_node("Where", ["found", "text", "label"], ["mixed"], name="mix"),
        ]
        save_model(self.model, nodes, [tensor_info("i", ["n"], TensorProto.INT64), tensor_info("wanted", [1], TensorProto.STRING)],
                   [tensor_info("mixed", ["n"], TensorProto.STRING), tensor_info("found", ["n"], TensorProto.BOOL)],
                   [numpy_helper.from_array(NAMES, "names")])

    def check(self, folder, form, command):
        subprocess.run([*map(str, command), "--inputs", folder, "--outputs", folder / "out", "--format", form], check=True,
                       capture_output=True)
        if form == "npy":
            mixed, found = (np.load(folder / "out" / f"output_{k}.npy") for k in (0, 1))
        else:
            import onnx
            mixed, found = (numpy_helper.to_array(onnx.load_tensor(folder / "out" / f"output_{k}.pb")) for k in (0, 1))
        self.assertEqual(["é", "1", "cat", ""], [str(text) for text in mixed])
        self.assertEqual([False, True, False, False], list(found))

    def test_labels(self):
        self.save_labels()
        np.save(self.folder / "input_0.npy", np.array([3, 1, 0, 2]))
        np.save(self.folder / "input_1.npy", np.array(["dog"]))
        for form in ("npy", "pb"):
            self.check(self.folder, form, [CNNC, "run", self.model])
        for options in ([], ["--kernels=llvm", "--static"]):
            self.expect(OK, "compile", self.model, "-o", self.folder / "exe", *options)
            self.check(self.folder, "npy", [self.folder / "exe"])

    def test_summary_shows_texts(self):
        self.save_labels()
        np.save(self.folder / "i.npy", np.array([1, 0]))
        out, _ = self.expect(OK, "run", self.model, "--input", f"i={self.folder / 'i.npy'}")
        self.assertIn('mixed: string[2] = "dog", "cat"', out)

    def test_a_text_that_is_no_number(self):
        save_model(self.model, [helper.make_node("Cast", ["x"], ["y"], name="parse", to=TensorProto.FLOAT)],
                   [tensor_info("x", [2], TensorProto.STRING)], [tensor_info("y", [2])])
        np.save(self.folder / "x.npy", np.array(["1.5", "cow"]))
        _, err = self.expect(USAGE, "run", self.model, "--input", f"x={self.folder / 'x.npy'}")
        self.assertIn("an element is no number", err)

    def test_strings_have_no_raw_files(self):
        self.save_labels()
        (self.folder / "w.bin").write_bytes(b"12345678")
        _, err = self.expect(FILE, "run", self.model, "--input", f"wanted={self.folder / 'w.bin'}")
        self.assertIn("no raw form", err)

    def test_complex_numbers(self):
        save_model(self.model, [helper.make_node("Transpose", ["x"], ["y"], name="t", perm=[1, 0])],
                   [tensor_info("x", [2, 3], TensorProto.COMPLEX128)], [tensor_info("y", [3, 2], TensorProto.COMPLEX128)])
        x = np.arange(6).reshape(2, 3) * (1 - 2j)
        np.save(self.folder / "input_0.npy", x)
        self.expect(OK, "compile", self.model, "-o", self.folder / "exe")
        subprocess.run([self.folder / "exe", "--inputs", self.folder, "--outputs", self.folder / "out", "--format", "npy"],
                       check=True, capture_output=True)
        np.testing.assert_array_equal(x.T, np.load(self.folder / "out" / "output_0.npy"))


if __name__ == "__main__":
    unittest.main()
