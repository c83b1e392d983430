"""The installed library: projects of their own find it with find_package(cnnc) and pkg-config, build and run."""
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
            installed = folder / "installed"
            run("cmake", "--install", BUILD, "--prefix", installed)
            self.check_package(folder, installed)
            self.check_compiled_model(folder, installed)
            self.check_pkg_config(folder, installed)

    def check_package(self, folder, installed):
        run("cmake", "-S", PROJECT, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={installed}")
        run("cmake", "--build", folder / "build")
        output = run(folder / "build" / "consumer", cwd=folder)
        self.assertIn("f32[5,3], probabilities add up to 1.000", output)
        self.assertIn("dense (Dense)", output)
        self.assertIn("main.cpp:", output)

    def check_compiled_model(self, folder, installed):
        """cnnc_add_model() of what the program has saved, in a program that needs no library of ours."""
        run("cmake", "-S", PROJECT, "-B", folder / "build", f"-DMODEL={folder / 'consumer.onnx'}")
        run("cmake", "--build", folder / "build", "--target", "runs_model")
        program = folder / "build" / "runs_model"
        self.assertIn("compiled in, probabilities add up to 1.000", run(program))
        self.assertNotIn("libcnnc", run("ldd", program))

    def check_pkg_config(self, folder, installed):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "cnnc", env=environment).split()
        run("c++", "-std=c++20", PROJECT / "main.cpp", "-o", folder / "by_hand", *flags)
        output = run(folder / "by_hand", cwd=folder, env={**os.environ, "LD_LIBRARY_PATH": str(installed / "lib")})
        self.assertIn("probabilities add up to 1.000", output)


if __name__ == "__main__":
    unittest.main()
