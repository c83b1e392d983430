"""What training keeps in memory: rows of large files, and values of a step under --max-mem."""
import re
import unittest

import numpy as np

from command import LIMIT, OK, USAGE, helper, numpy_helper, save_model, tensor_info, weights
from training import CLASSES, TrainTest, save_noisy_cnn, tensors_of
from trainer_test import TrainerTest

WIDTH, ROWS = 4096, 2100  # more than what is kept in memory


def save_wide(path):
    """One dense layer, x f32[batch,4096] to y f32[batch,3]."""
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"])]
    save_model(path, nodes, [tensor_info("x", ["batch", WIDTH])], [tensor_info("y", ["batch", CLASSES])],
               [numpy_helper.from_array(weights(1, WIDTH, CLASSES) * np.float32(0.01), "w")])


class LargeFiles(TrainTest):
    def setUp(self):
        super().setUp()
        save_wide(self.model)
        self.x, self.y = weights(7, ROWS, WIDTH), (np.arange(ROWS) % CLASSES).astype(np.int32)
        self.save()

    data = "x.npy"

    def arguments(self, *more, **options):
        return [self.folder / self.data if str(a).endswith("/x.npy") else a for a in super().arguments(*more, **options)]

    def outcome(self, events):
        kept = "event", "epoch", "loss", "val_loss", "val_accuracy"
        return [{k: e[k] for k in kept if k in e} for e in events], tensors_of(self.out)["w"].tobytes()

    def test_rows_that_stay_in_the_file_are_those_in_memory(self):
        (self.folder / "x.pb").write_bytes(numpy_helper.from_array(self.x, "x").SerializeToString())
        for more in ("--no-shuffle",), ("--seed", 3), ("--validation-split", 0.3):
            with self.subTest(more):
                limits = "--epochs", 1, "--batch-size", 64
                found = []
                for self.data in "x.npy", "x.pb":
                    found.append(self.outcome(self.train(*limits, *more)))
                self.assertEqual(found[1], found[0])

    def peak(self, rows):
        """Of training on rows of zeros, which take no place on the disk."""
        with open(self.folder / "x.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, WIDTH)})
            file.truncate(file.tell() + rows * WIDTH * 4)
        np.save(self.folder / "y.npy", np.zeros(rows, np.int32))
        return self.train("--epochs", 1, "--batch-size", 64)[-1]["peak_rss_mb"]

    def test_memory_does_not_grow_with_the_file(self):
        self.assertLess(self.peak(30000), self.peak(3000) + 100)  # 490 and 49 MB


class Peak(TrainTest):
    def test_is_that_of_training_whoever_starts_it(self):
        before = self.train()[-1]["peak_rss_mb"]
        ballast = np.ones(3 * 2**27, np.uint8)  # 384 MB, touched
        after = self.train()[-1]["peak_rss_mb"]
        del ballast
        self.assertLess(after, before + 50)


class LargeWeights(TrainTest):
    MEGABYTES = 4096 * 4096 * 4 / 2**20

    def peak(self, *more):
        return self.train("--no-shuffle", *more)[-1]["peak_rss_mb"] / self.MEGABYTES

    def test_weights_and_state_are_in_memory_once(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
        save_model(self.model, nodes, [tensor_info("x", ["batch", 4096])], [tensor_info("y", ["batch", CLASSES])],
                   [numpy_helper.from_array(weights(1, 4096, 4096) * np.float32(0.01), "w"),
                    numpy_helper.from_array(weights(2, 4096, CLASSES) * np.float32(0.01), "v")])
        self.x, self.y = weights(7, 12, 4096), (np.arange(12) % CLASSES).astype(np.int32)
        self.save()
        plain = self.peak("--batch-size", 12)
        self.assertLess(self.peak("--batch-size", 12, "--optimizer", "adam") - plain, 2.5)  # two tensors for each weight
        self.assertLess(self.peak("--batch-size", 8) - plain, 2.5)  # the gradients of the last batch, and another import


class MemoryLimit(TrainTest):
    def setUp(self):
        super().setUp()
        save_noisy_cnn(self.model)
        self.x, self.y = weights(7, 100, 2, 8, 8), (np.arange(100) % CLASSES).astype(np.int32)
        self.save()

    METHOD = "--optimizer", "adam", "--batch-size", 64, "--epochs", 2  # the last batch has 36

    def least(self):
        self.out.unlink(missing_ok=True)
        _, error = self.expect(LIMIT, *self.arguments(*self.METHOD, "--max-mem", 1, "-o", self.out))
        self.assertIn("lower the batch size or raise the limit (--max-mem", error)
        return int(re.search(r"at least (\d+) bytes", error)[1])

    def test_the_least_that_fits_gives_the_same_bits(self):
        events = self.train(*self.METHOD)
        want = self.out.read_bytes()
        least = self.least()
        limited = self.train(*self.METHOD, "--max-mem", least)
        self.assertEqual(want, self.out.read_bytes())
        self.assertEqual([e["loss"] for e in events if e["event"] == "epoch"],
                         [e["loss"] for e in limited if e["event"] == "epoch"])
        self.out.unlink()
        self.refuse(LIMIT, *self.METHOD, "--max-mem", least - 1, words=[f"at least {least} ", f"limit is {least - 1};"])

    def test_dumps_say_what_is_computed_again_and_why(self):
        _, error = self.expect(OK, *self.arguments(*self.METHOD, "--max-mem", self.least(),
                                                   "--dump-ir=after:recompute", "-o", self.out))
        self.assertRegex(error, r'recomputed = "frees \d+ bytes at node ')
        _, error = self.expect(OK, *self.arguments(*self.METHOD, "--dump-ir=after:recompute", "-o", self.out))
        self.assertNotIn("recomputed", error)

    def test_batches_of_other_sizes_fit_whatever_the_model_calls_them(self):
        save_noisy_cnn(self.model, batch="N")
        self.train(*self.METHOD, "--max-mem", self.least())

    def test_sizes_have_units(self):
        self.train(*self.METHOD, "--max-mem", "64MB")
        self.refuse_size("64 parsecs")
        self.refuse_size("0")

    def refuse_size(self, size):
        self.out.unlink(missing_ok=True)
        self.refuse(USAGE, "--max-mem", size, words=["--max-mem"])


class TrainerWithALimit(TrainerTest):
    def test_trains_as_the_command_does(self):
        _, error = self.expect(LIMIT, "compile", "--train", self.model, *self.METHOD, "--max-mem", 1, "-o", self.trainer)
        self.compile("--max-mem", re.search(r"at least (\d+) bytes", error)[1])
        self.check_same("--epochs", 2, "--threads", 1)

    def test_more_threads_than_the_limit_has_room_for_are_refused(self):
        self.compile("--max-mem", "100kB")
        self.check_error(LIMIT, "--threads", 1000, words=["limit of 100000"])


if __name__ == "__main__":
    unittest.main()
