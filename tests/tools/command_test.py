"""The command's results: the same from JIT, executable, library and interpreter."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import numpy as np

from command import CNNC, MISMATCH, OK, CommandTest, cnn, numpy_helper, run, save_cnn


class Engines(CommandTest):
    def setUp(self):
        super().setUp()
        self.weights = save_cnn(self.model)

    def inputs(self, batch):
        x = np.random.default_rng(batch).standard_normal((batch, 3, 8, 8)).astype(np.float32)
        folder = self.folder / f"in{batch}"
        folder.mkdir()
        (folder / "input_0.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
        return folder, cnn(x, **self.weights)

    def check_outputs(self, expected, *command):
        out = self.folder / "out"
        subprocess.run([*command, "--outputs", out], check=True, capture_output=True)
        import onnx
        found = numpy_helper.to_array(onnx.load_tensor(out / "output_0.pb"))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        shutil.rmtree(out)

    def test_one_executable_runs_every_batch(self):
        exe = self.folder / "exe"
        for options in ([], ["--kernels=llvm", "--static"]):
            self.expect(OK, "compile", self.model, "-o", exe, *options)
            for batch in (1, 3, 8):
                folder = self.folder / f"in{batch}"
                shutil.rmtree(folder, ignore_errors=True)
                folder, expected = self.inputs(batch)
                for threads in (1, 2):
                    self.check_outputs(expected, exe, "--inputs", folder, "--threads", str(threads))

    def test_run_tells_its_outputs_as_json(self):
        found = json.loads(self.expect(OK, "run", self.model, "--dim=batch=3", "--json")[0])
        self.assertEqual([{"name": "y", "dtype": "f32", "dims": [3, 5]}], found["outputs"])

    def test_run_specialises_to_its_inputs(self):
        for batch in (1, 5):
            folder, expected = self.inputs(batch)
            self.check_outputs(expected, CNNC, "run", self.model, "--inputs", folder)

    def test_test_compares_and_fails_on_a_difference(self):
        folder, expected = self.inputs(2)
        data = self.folder / "test_data_set_0"
        folder.rename(data)
        (data / "output_0.pb").write_bytes(numpy_helper.from_array(expected, "y").SerializeToString())
        for engine in ("jit", "interpreter"):
            out, _ = self.expect(OK, "test", self.folder, "--engine", engine, "--json")
            self.assertEqual((1, 1, 0), tuple(json.loads(out)[k] for k in ("schema", "passed", "failed")))
        (data / "output_0.pb").write_bytes(numpy_helper.from_array(expected + 1, "y").SerializeToString())
        out, _ = self.expect(MISMATCH, "test", self.folder)
        self.assertIn("0 passed, 1 failed", out)

    def test_compare_with_the_reference(self):
        out, _ = self.expect(OK, "compare", self.model, "--json")
        self.assertTrue(json.loads(out)["equal"])

    def test_bench_prints_the_protocol(self):
        out, _ = self.expect(OK, "bench", self.model, "--json", "--repeat", 7)
        line = json.loads(out)
        self.assertEqual(7, len(line["latency_ns"]))
        self.assertGreater(line["compile_ns"], 0)
        out, _ = self.expect(OK, "bench", self.model, "--serve", stdin="run 1 3\nrun 0 2\nquit\n")
        ready, first, second = map(json.loads, out.splitlines())
        self.assertEqual("ready", ready["event"])
        self.assertEqual((3, 2), (len(first["latency_ns"]), len(second["latency_ns"])))


class Artefacts(CommandTest):
    def test_every_kind_is_written(self):
        save_cnn(self.model)
        self.expect(OK, "compile", self.model, "--emit=exe,so,a,obj,h,ir,llvm,asm,dot", "-o", self.folder / "net")
        names = {"net" + e for e in ("", ".so", ".a", ".o", ".h", ".cnnir", ".ll", ".s", ".dot")}
        self.assertEqual(names | {"model.onnx"}, set(os.listdir(self.folder)))

    def test_library_comes_with_its_header_and_works_in_c(self):
        save_cnn(self.model, batch=1)
        self.expect(OK, "compile", self.model, "--emit=so", "-o", self.folder / "libnet.so")
        (self.folder / "use.c").write_text(
            '#include "libnet.h"\n#include <stdio.h>\n'
            "int main(void) {\n  static float x[NET_INPUT_0_ELEMENTS];\n  float y[NET_OUTPUT_0_ELEMENTS];\n"
            "  cnnc_executable* exe;\n  if (cnnc_create(&cnnc_model_net, NULL, &exe) != CNNC_OK) return 1;\n"
            "  cnnc_tensor_view in = net_input_0(x), out = net_output_0(y, sizeof y);\n"
            "  if (cnnc_run(exe, &in, 1, &out, 1) != CNNC_OK) return 2;\n"
            '  printf("%d\\n", (int)out.dims[1]);\n  cnnc_destroy(exe);\n  return 0;\n}\n')
        subprocess.run(["cc", "-std=c11", "-Wall", "-Werror", "use.c", "libnet.so", "-o", "use"], cwd=self.folder, check=True)
        result = subprocess.run(["./use"], cwd=self.folder, env={"LD_LIBRARY_PATH": "."}, capture_output=True, text=True)
        self.assertEqual("5\n", result.stdout)

    def test_json_names_what_was_written(self):
        save_cnn(self.model)
        out, err = self.expect(OK, "compile", self.model, "--emit=so", "-o", self.folder / "net.so", "--json")
        self.assertEqual("", err)
        files = {f["kind"]: f["bytes"] for f in json.loads(out)["files"]}
        self.assertEqual({"so", "h"}, set(files))
        self.assertEqual((self.folder / "net.so").stat().st_size, files["so"])

    def test_help_of_an_executable_names_inputs(self):
        save_cnn(self.model)
        self.expect(OK, "compile", self.model, "-o", self.folder / "exe")
        text = subprocess.run([self.folder / "exe", "--help"], check=True, capture_output=True, text=True).stdout
        self.assertIn("x: f32[batch,3,8,8]", text)


class Graphs(CommandTest):
    def setUp(self):
        super().setUp()
        save_cnn(self.model)

    def test_dumped_graph_parses_back(self):
        text, _ = self.expect(OK, "--dump-ir", self.model)
        self.assertIn("conv1", text)
        again = self.folder / "again.cnnir"
        again.write_text(text)
        self.assertEqual(text, self.expect(OK, "--dump-ir", again)[0])

    def test_whole_graph_runs_as_text(self):
        text, _ = self.expect(OK, "--dump-ir", self.model, "--max-elements=-1")
        graph = self.folder / "whole.cnnir"
        graph.write_text(text)
        self.assertTrue(json.loads(self.expect(OK, "compare", graph, "--json")[0])["equal"])

    def test_dump_before_and_after_a_pass(self):
        text, _ = self.expect(OK, "--dump-ir=before,after:fold-constants", self.model)
        self.assertLess(text.index("// before fold-constants"), text.index("// after fold-constants"))

    def test_formats(self):
        self.assertTrue(self.expect(OK, "--dump-ir", "--format=dot", self.model)[0].startswith("digraph"))
        graph = json.loads(self.expect(OK, "--dump-ir", "--format=json", self.model)[0])
        self.assertEqual(1, graph["schema"])
        self.assertIn("conv1", [origin for node in graph["nodes"] for origin in node["origins"]])

    def test_dims_bind_at_import(self):
        for option in ("--dim=batch=4", "--shape=x=4x3x8x8"):
            self.assertIn("f32[4,3,8,8]", self.expect(OK, "--dump-ir", option, self.model)[0])

    def test_opt_runs_the_named_passes(self):
        self.assertIn("graph @", self.expect(OK, "opt", self.model, "--passes=fold-constants,cse")[0])

    def test_stop_after_and_bisect(self):
        self.assertIn("graph @", self.expect(OK, "--dump-ir", "--stop-after=cse", self.model)[0])
        self.assertIn("the last was", self.expect(OK, "check", self.model, "--bisect-passes=2")[1])

    def test_explain_names_kernels_and_reasons(self):
        nodes = json.loads(self.expect(OK, "explain", self.model, "--json")[0])["nodes"]
        conv = next(n for n in nodes if "conv1" in n["origins"])
        self.assertTrue(conv["kernel"].startswith("llvm:") or conv["kernel"].startswith("dnnl:"))
        self.assertTrue(all(c["accepts"] or c["reason"] for c in conv["candidates"]))

    def test_explain_tells_what_a_node_costs(self):
        out, _ = self.expect(OK, "explain", self.model, "-O1", "--node=conv1", "--dim=batch=1", "--json")
        (conv,) = json.loads(out)["nodes"]
        self.assertEqual(2 * 8 * 8 * 4 * 27, conv["flops"])
        self.assertEqual(4 * (8 * 8 * 3 + 8 * 8 * 4 + 4 * 27 + 4), conv["bytes"])

    def test_explain_sets_steps_beside_the_roofline(self):
        profile = json.loads(self.expect(OK, "explain", self.model, "--dim=batch=1", "--profile", "--json")[0])["profile"]
        self.assertGreater(profile["gflops"], 0.1)
        self.assertGreater(profile["gbytes"], 0.1)
        conv = next(s for s in profile["steps"] if "conv1" in s["sources"])
        least = max(conv["flops"] / profile["gflops"], conv["bytes"] / profile["gbytes"])
        self.assertAlmostEqual(least / conv["ns"], conv["share_of_roofline"], places=6)
        self.assertIn("GB/s", self.expect(OK, "explain", self.model, "--dim=batch=1", "--profile")[0])

    def test_levels_differ(self):
        kernels = [json.loads(self.expect(OK, "explain", self.model, f"-O{level}", "--json")[0])["nodes"] for level in (0, 1, 2)]
        fused = [any(node["op"] == "Fused" for node in nodes) for nodes in kernels]
        self.assertEqual([False, False, True], fused)
        self.expect(OK, "compile", self.model, "-O3", "-o", self.folder / "exe")

    def test_lists(self):
        ops = json.loads(self.expect(OK, "list", "ops", "--json")[0])["ops"]
        self.assertIn("Conv", [op["name"] for op in ops])
        self.expect(OK, "list", "passes")
        self.expect(OK, "list", "targets")

    def test_inspect(self):
        found = json.loads(self.expect(OK, "inspect", self.model, "--json")[0])
        self.assertEqual(["batch"], found["symbols"])
        self.assertEqual("f32[batch,3,8,8]", found["inputs"][0]["type"])


class Help(CommandTest):
    def test_is_short_and_names_every_command(self):
        out, _ = self.expect(OK, "--help")
        self.assertLess(len(out.splitlines()), 60)
        for command in re.findall(r"^  ([a-z]+) ", out, re.MULTILINE):
            with self.subTest(command):
                text, _ = self.expect(OK, command, "--help")
                self.assertLess(len(text.splitlines()), 60)

    def test_version(self):
        self.assertRegex(self.expect(OK, "--version")[0], r"cnnc \d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
