"""Several processes under mpirun train as one does."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

import numpy as np

from command import CNNC, OK, weights
from training import CLASSES, TrainTest, tensors_of

MPIRUN = shutil.which("mpirun")
if MPIRUN is None or "mpirun" not in subprocess.run([CNNC, "train", "--help"], capture_output=True, text=True).stdout:
    print("skipped: there is no mpirun, or cnnc was built without MPI")
    sys.exit(77)


def children_of(pid):
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            yield int(status.parent.name)


class SeveralProcesses(TrainTest):
    def command(self, count, *more, method=("--optimizer", "adam", "--l2", 0.01, "--global-clipnorm", 0.5)):
        return [MPIRUN, "-n", str(count), "--oversubscribe", "--allow-run-as-root", CNNC,
                *map(str, self.arguments("--threads", 1, *method, *more))]

    def together(self, count, *more):
        process = subprocess.run(self.command(count, "-o", self.out, *more), capture_output=True, text=True, timeout=120)
        self.assertEqual(0, process.returncode, process.stderr)
        return process.stdout, tensors_of(self.out)

    def check_like_one(self, count, *more):
        self.expect(OK, *self.arguments("--optimizer", "adam", "--l2", 0.01, "--global-clipnorm", 0.5, "-o", self.out, *more))
        alone = tensors_of(self.out)
        out, got = self.together(count, *more)
        self.assertEqual(1, out.count("epoch 2:"), "one process speaks for all")
        for name, want in alone.items():
            np.testing.assert_allclose(got[name], want, atol=2e-6, err_msg=name)

    def test_are_like_one_with_the_whole_batch(self):
        self.check_like_one(2, "--epochs", 2, "--batch-size", 4)

    def test_with_parts_of_different_sizes_and_none(self):
        """Batches of 3, 3, 3 and 1 for two processes."""
        self.check_like_one(2, "--epochs", 2, "--batch-size", 3, "--validation-split", 0)

    def test_go_on_from_a_checkpoint(self):
        state = self.folder / "state"
        _, whole = self.together(2, "--steps", 7, "--batch-size", 4)
        self.together(2, "--steps", 4, "--batch-size", 4, "--checkpoint", state)
        _, parts = self.together(2, "--steps", 7, "--batch-size", 4, "--resume", state)
        for name, want in whole.items():
            np.testing.assert_array_equal(parts[name], want)

    def test_a_process_that_dies_ends_all(self):
        state = self.folder / "state"
        run = subprocess.Popen(self.command(2, "--steps", 10**9, "--batch-size", 4, "--checkpoint", state,
                                            "--checkpoint-every", 100), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        end = time.monotonic() + 60
        while not state.exists() and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(next(children_of(run.pid)), signal.SIGKILL)
        _, err = run.communicate(timeout=60)
        self.assertNotEqual(0, run.returncode)
        self.assertIn("signal 9", err)
        self.together(2, "--steps", 1, "--batch-size", 4, "--resume", state)


if __name__ == "__main__":
    unittest.main()
