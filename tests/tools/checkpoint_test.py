"""Checkpoints of cnnc train: going on bit for bit, and everything that can be wrong with the file."""
import os
import unittest

import numpy as np

from command import FILE, LIMIT, USAGE, weights
from training import CLASSES, TrainTest, save_dense, save_noisy_cnn, tensors_of

SAMPLES, BATCH = 29, 4  # 8 steps an epoch, the last one with a single sample


class CheckpointTest(TrainTest):
    def setUp(self):
        super().setUp()
        save_noisy_cnn(self.model)
        self.x = weights(7, SAMPLES, 2, 8, 8)
        self.y = np.arange(SAMPLES, dtype=np.int64) % CLASSES
        self.save()
        self.file = self.folder / "state"

    def arguments(self, *more, **options):
        defaults = {"--batch-size": BATCH, "--optimizer": "adam", "--lr": 0.01}
        given = [part for option, value in defaults.items() if option not in more for part in (option, value)]
        return super().arguments(*given, *more, **options)

    def trained(self, *more):
        events = self.train(*more)
        return {name: t.tobytes() for name, t in tensors_of(self.out).items()}, events


class Resuming(CheckpointTest):
    def test_goes_on_bit_for_bit(self):
        """Also within an epoch, at its end, and over several epochs."""
        for steps, stops in (10, [4]), (10, [8]), (20, [3, 11, 16]):
            whole, events = self.trained("--steps", steps, "--seed", 5)
            resume = []
            for stop in stops:
                self.train("--steps", stop, "--seed", 5, "--checkpoint", self.file, *resume)
                resume = ["--resume", self.file]
            parts, last = self.trained("--steps", steps, *resume)
            self.assertEqual(whole, parts, f"{stops} of {steps}")
            strip = lambda e: {k: e[k] for k in ("epoch", "steps", "loss")}
            self.assertEqual(strip(events[-2]), strip(last[-2]))

    def test_epochs_count_from_the_start(self):
        whole, _ = self.trained("--epochs", 3)
        self.train("--epochs", 2, "--checkpoint", self.file)
        parts, events = self.trained("--epochs", 3, "--resume", self.file)
        self.assertEqual(whole, parts)
        self.assertEqual([3], [e["epoch"] for e in events if e["event"] == "epoch"])
        parts, events = self.trained("--epochs", 2, "--resume", self.file)
        self.assertEqual(["start", "end"], [e["event"] for e in events])

    def test_a_bad_loss_leaves_the_last_good_checkpoint(self):
        self.train("--steps", 6, "--checkpoint", self.file, "--checkpoint-every", 3)
        before = self.file.read_bytes()
        self.x[:] = np.nan
        self.save()
        self.expect_error(LIMIT, *self.arguments("--steps", 9, "--resume", self.file, "--checkpoint", self.file,
                                                 "--checkpoint-every", 1), words=["step 7"])
        self.assertEqual(before, self.file.read_bytes())

    def test_takes_what_may_change(self):
        """How fast, how long, on what and with what memory is trained."""
        self.train("--steps", 3, "--checkpoint", self.file)
        for more in ("--lr", 0.5), ("--lr-schedule", "cosine,decay_steps=9"), ("--threads", 1), ("--epochs", 2), \
                ("--nan", "skip"), ("--validation-split", 0), ("--max-mem", "64MB"), ("--disable-kernel", "llvm:winograd"):
            with self.subTest(more):
                limit = [] if "--epochs" in more else ["--steps", 5]
                self.train(*limit, "--resume", self.file, *more)

    def test_state_of_the_optimizer_is_kept(self):
        for text in "sgd --momentum 0.9", "rmsprop --centered", "adagrad", "lion":
            optimizer = ["--optimizer", *text.split()]
            with self.subTest(text):
                whole, _ = self.trained("--steps", 5, *optimizer)
                self.train("--steps", 2, "--checkpoint", self.file, *optimizer)
                self.assertEqual(whole, self.trained("--steps", 5, "--resume", self.file, *optimizer)[0])


class BadCheckpoints(CheckpointTest):
    def setUp(self):
        super().setUp()
        self.train("--steps", 3, "--checkpoint", self.file)
        os.remove(self.out)

    def resume(self, code, *more, words):
        self.refuse(code, "--steps", 5, "--resume", self.file, *more, words=[self.file, *words])

    def test_cut_short(self):
        whole = self.file.read_bytes()
        for size in (0, 4, 50, len(whole) // 2, len(whole) - 1):
            self.file.write_bytes(whole[:size])
            self.resume(FILE, words=["another kind" if size < 8 else "cut short"])

    def test_damaged(self):
        whole = bytearray(self.file.read_bytes())
        for at in (9, 200, len(whole) // 2, len(whole) - 3):
            changed = bytearray(whole)
            changed[at] ^= 4
            self.file.write_bytes(changed)
            self.resume(FILE, words=["damaged"])

    def test_file_of_another_kind(self):
        self.file.write_bytes(self.model.read_bytes())
        self.resume(FILE, words=["another kind"])

    def test_missing(self):
        os.remove(self.file)
        self.resume(FILE, words=["No such file"])

    def test_of_another_model(self):
        save_dense(self.model)
        self.x = weights(7, SAMPLES, 4)
        self.save()
        self.resume(FILE, words=["another model"])

    def test_of_another_optimizer(self):
        self.resume(FILE, "--optimizer", "sgd", words=["another model or optimizer"])
        self.resume(FILE, "--optimizer", "rmsprop", words=["no state of the optimizer"])

    def test_of_another_training(self):
        self.resume(USAGE, "--batch-size", 5, words=["--batch-size 4"])
        self.resume(USAGE, "--seed", 3, words=["--seed of 0"])
        self.resume(USAGE, "--no-shuffle", words=["shuffling"])
        self.x, self.y = self.x[:20], self.y[:20]
        self.save()
        self.resume(USAGE, words=["29", "20"])

    def test_of_another_step(self):
        """With options that give its state the same names."""
        for option, then, now in (("--convention pytorch", "convention = keras", "convention = pytorch"),
                                  ("--optimizer adamw", "optimizer = adam", "optimizer = adamw"),
                                  ("--beta1 0.8", "beta1 = 0.9", "beta1 = 0.8"),
                                  ("--epsilon 1e-3", "epsilon = 1e-07", "epsilon = 0.001"),
                                  ("--weight-decay 0.1", "weight decay = 0", "weight decay = 0.1"),
                                  ("--clipnorm 1", "clipnorm = 0", "clipnorm = 1"),
                                  ("--label-smoothing 0.1", "label smoothing = 0", "label smoothing = 0.1"),
                                  ("--from-probabilities", "from probabilities = no", "from probabilities = yes"),
                                  ("--l2 0.01", "l2 = 0", "l2 = 0.01"),
                                  ("--class-weight 1:2", "sample weights = no", "sample weights = yes")):
            with self.subTest(option):
                self.resume(USAGE, *option.split(), words=[f"training with {then}, now it is {now}: it would not go on"])

    def test_of_another_loss(self):
        arguments = [*self.arguments("--steps", 5, "--resume", self.file)]
        self.y = np.eye(CLASSES, dtype=np.float32)[self.y]
        self.save()
        arguments[arguments.index("--loss") + 1] = "categorical_crossentropy"
        self.expect_error(USAGE, *arguments, words=["loss = sparse_categorical_crossentropy",
                                                    "now it is loss = categorical_crossentropy"])

    def test_of_another_version(self):
        self.file.write_bytes(self.file.read_bytes().replace(b"CNNCKPT3", b"CNNCKPT2"))
        self.resume(FILE, words=["another version of cnnc wrote it"])

    def test_that_cannot_be_written(self):
        self.refuse(FILE, "--checkpoint", self.folder / "nowhere" / "state", words=["nowhere"])
        self.refuse(USAGE, "--checkpoint", self.file, "--checkpoint-every", "0", words=["--checkpoint-every '0'"])


if __name__ == "__main__":
    unittest.main()
