"""Every code block of README.md and docs/ works, and every link leads to a file.

    sh      run in order in one scratch folder per page, with the built command on the PATH; lines of comments after
            `# prints:` must be printed in this order (`...` stands for anything)
    cnnir   read by the command
    cpp, c  written to the scratch folder where the first line names a `file:`; otherwise compiled, inside the
            project's namespace when it has no #include
    text    only to look at

The scratch folder has model.onnx, a small network, samples.npy and labels.npy to train it with, and what tools/demo.sh fetched, when it has run.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import pages

sys.path.insert(0, str(pages.ROOT / "tests" / "tools"))
import command  # noqa: E402  (ends with "skipped" when onnx is missing)

BINARY_DIR = pathlib.Path(os.environ.get("CNNC_BINARY_DIR", pages.ROOT / "build")).resolve()
DEMO = pages.ROOT / ".cache" / "demo"
DEMO_FILES = {"model.onnx": "text_direction.onnx", "upright.npy": "upright.npy", "rotated.npy": "rotated.npy"}
LANGUAGES = {"sh", "cnnir", "cpp", "c", "text"}
PRELUDE = """#include "ir/op_def.h"
#include "passes/constants.h"
#include "passes/passes.h"
namespace cnnc { namespace { using enum DType;
#line 1
%s
} }
"""


class Scratch:
    """A folder in which the blocks of one page run."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        command.save_cnn(self.folder / "model.onnx")
        command.np.save(self.folder / "samples.npy", command.weights(7, 64, 3, 8, 8))
        command.np.save(self.folder / "labels.npy", command.np.arange(64) % 5)
        for name, here in DEMO_FILES.items():
            if (DEMO / name).exists():
                shutil.copy(DEMO / name, self.folder / here)

    def run(self, arguments):
        environment = dict(os.environ, PATH=f"{BINARY_DIR / 'bin'}:{os.environ['PATH']}")
        return subprocess.run(arguments, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=240)

    def write(self, block):
        if block.file:
            (self.folder / block.file).write_text(block.text)

    def sh(self, block):
        """What is wrong with the block, or None."""
        if any(name in block.text for name in DEMO_FILES.values()) and not (DEMO / "model.onnx").exists():
            return None  # tools/demo.sh has not run
        done = self.run(["bash", "-euo", "pipefail", "-c", block.text])
        if done.returncode != 0:
            return f"ends with status {done.returncode}:\n{done.stdout}"
        missing = pages.first_missing(block.expected_lines(), done.stdout)
        return f"does not print '{missing}' but\n{done.stdout}" if missing else None

    def cnnir(self, block):
        for number, text in enumerate(block.text.split("// expect:\n")):
            path = self.folder / f"block_{block.line}_{number}.cnnir"
            path.write_text(text)
            done = self.run(["cnnc", "inspect", path])
            if done.returncode != 0:
                return done.stdout
        return None

    def cpp(self, block):
        if block.file:
            return None  # a block of sh compiles it
        text = block.text if "#include" in block.text else PRELUDE % block.text
        path = self.folder / "block.cpp"
        path.write_text(text)
        done = self.run(["g++", "-std=c++20", "-fsyntax-only", "-I", pages.ROOT, "-I", pages.ROOT / "include", path])
        return done.stdout if done.returncode != 0 else None

    c = cpp

    def text(self, block):
        return None


class Pages(unittest.TestCase):
    def test_blocks_work(self):
        for page in pages.all_pages():
            with tempfile.TemporaryDirectory(prefix="cnnc_docs_") as folder:
                self.check_page(page, Scratch(folder))

    def check_page(self, page, scratch):
        blocks = pages.blocks(page.read_text())
        for block in blocks:
            scratch.write(block)
        for block in blocks:
            with self.subTest(page=str(page.relative_to(pages.ROOT)), line=block.line):
                self.assertIn(block.language, LANGUAGES, "a block needs a language")
                self.assertIsNone(problem := getattr(scratch, block.language)(block), problem)

    def test_links_lead_somewhere(self):
        for page in pages.all_pages():
            for link in pages.links(page.read_text()):
                with self.subTest(page=str(page.relative_to(pages.ROOT)), link=link):
                    self.assertTrue((page.parent / link).exists())

    def test_every_decision_is_in_the_index(self):
        index = (pages.ROOT / "docs" / "decisions" / "README.md").read_text()
        for page in (pages.ROOT / "docs" / "decisions").glob("0*.md"):
            self.assertIn(f"({page.name})", index)


class Operators(unittest.TestCase):
    """docs/ops.md is what the declarations say; CNNC_BLESS=1 writes it."""

    def test_page_is_up_to_date(self):
        code, text, error = command.run("list", "ops", "--format=markdown")
        self.assertEqual(0, code, error)
        page = pages.ROOT / "docs" / "ops.md"
        if os.environ.get("CNNC_BLESS"):
            page.write_text(text)
        self.assertEqual(text, page.read_text(), "run CNNC_BLESS=1 python3 tests/docs/docs_test.py")


class Rules(unittest.TestCase):
    def test_finds_blocks_and_what_they_print(self):
        (block,) = pages.blocks("text\n```sh\necho 12 ms\n# prints:\n# ... ms\n```\n")
        self.assertEqual(("sh", 2, ["... ms"]), (block.language, block.line, block.expected_lines()))
        self.assertIsNone(pages.first_missing(block.expected_lines(), "a\n12 ms\n"))
        self.assertEqual("... ms", pages.first_missing(block.expected_lines(), "12 s\n"))

    def test_finds_links_to_files(self):
        self.assertEqual(["a.md", "b.md"], pages.links("[a](a.md) [b](b.md#part) [c](https://x) \n```sh\n[d](e.md)\n```\n"))


if __name__ == "__main__":
    if command.SANITIZED:
        print("skipped: the pages compile models, which are linked without the sanitizer's runtime")
        sys.exit(77)
    unittest.main()
