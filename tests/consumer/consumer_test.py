"""The installed library: a project of its own finds it with find_package(cnnc), builds and runs."""
import os
import pathlib
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["CNNC_BINARY_DIR"])
PROJECT = pathlib.Path(os.environ["CNNC_SOURCE_DIR"]) / "tests" / "consumer" / "project"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, text=True, capture_output=True, **options).stdout


class Consumer(unittest.TestCase):
    @unittest.skipUnless((BUILD / "lib" / "libcnnc.so").exists() and (BUILD / "bin" / "cnnc").exists(), "not built")
    def test_builds_and_runs(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            run("cmake", "--install", BUILD, "--prefix", folder / "installed")
            run("cmake", "-S", PROJECT, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={folder / 'installed'}")
            run("cmake", "--build", folder / "build")
            output = run(folder / "build" / "consumer", cwd=folder)
        self.assertIn("f32[5,3], probabilities add up to 1.000", output)
        self.assertIn("dense (Dense)", output)
        self.assertIn("main.cpp:", output)


if __name__ == "__main__":
    unittest.main()
