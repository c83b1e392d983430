"""cnnc train and cnnc eval: what they compute, and every kind of bad input."""
import json
import os
import unittest

import numpy as np

from command import FILE, LIMIT, MODEL, OK, USAGE, TensorProto, helper, numpy_helper, save_model, tensor_info, weights
from training import CLASSES, LOSS, TrainTest, save_dense, save_noisy_cnn, softmax, tensors_of


class Training(TrainTest):
    def test_one_step_of_gradient_descent(self):
        events = self.train("--lr", 0.5, "--batch-size", 10, "--no-shuffle")
        z = self.x @ self.tensors["w"].T + self.tensors["b"]
        p = softmax(z)
        self.assertAlmostEqual(-np.log(p[np.arange(10), self.y]).mean(), events[1]["loss"], 5)
        slope = (p - np.eye(CLASSES)[self.y]) / 10
        got = tensors_of(self.out)
        np.testing.assert_allclose(got["w"], self.tensors["w"] - 0.5 * slope.T @ self.x, atol=1e-6)
        np.testing.assert_allclose(got["b"], self.tensors["b"] - 0.5 * slope.sum(0), atol=1e-6)

    def test_events(self):
        events = self.train("--batch-size", 4, "--epochs", 2)
        self.assertEqual(["start", "epoch", "epoch", "end"], [e["event"] for e in events])
        self.assertEqual(CLASSES * 4 + CLASSES, events[0]["parameters"])
        self.assertEqual([3, 3], [e["steps"] for e in events[1:3]])

    def test_steps_cut_an_epoch_short(self):
        events = self.train("--batch-size", 4, "--steps", 4)
        self.assertEqual([3, 1], [e["steps"] for e in events[1:3]])

    def test_same_seed_same_bits_for_any_number_of_threads(self):
        results = []
        for threads in (1, 2, 2):
            self.train("--batch-size", 3, "--epochs", 3, "--seed", 5, "--threads", threads, "--optimizer", "adam")
            results.append(tensors_of(self.out)["w"].tobytes())
        self.assertEqual(1, len(set(results)))

    def test_cross_entropy_is_one_node_as_is_its_gradient(self):
        _, dump = self.expect(OK, *self.arguments("--batch-size", 10, "--dump-ir=after:place-updates", "-o", self.out))
        self.assertEqual(1, dump.count("= SoftmaxCrossEntropy("))
        self.assertEqual(1, dump.count("= SoftmaxCrossEntropyGradient("))
        self.assertNotRegex(dump, r"= (Log|LogSoftmax|Exp|Equal)\(")

    def test_logits_of_any_size(self):
        self.tensors["w"] *= 0
        self.tensors["b"] = np.float32([1e4, -1e4, 0])
        nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
        save_model(self.model, nodes, [tensor_info("x", ["n", 4])], [tensor_info("y", ["n", CLASSES])],
                   [numpy_helper.from_array(t, n) for n, t in self.tensors.items()])
        events = self.train("--batch-size", 10, "--no-shuffle", "--lr", 1)
        self.assertAlmostEqual(np.float32([0, 2e4, 1e4])[self.y].mean(), events[1]["loss"], 2)
        slope = (np.eye(CLASSES)[0] - np.eye(CLASSES)[self.y]).mean(0)
        np.testing.assert_allclose(tensors_of(self.out)["b"], self.tensors["b"] - slope, rtol=1e-6)

    def test_frozen_tensors_stay(self):
        self.train("--freeze", "b")
        got = tensors_of(self.out)
        np.testing.assert_array_equal(got["b"], self.tensors["b"])
        self.assertFalse(np.array_equal(got["w"], self.tensors["w"]))

    def test_frozen_tensors_are_named_by_patterns(self):
        self.train("--freeze", "[wv]")
        got = tensors_of(self.out)
        np.testing.assert_array_equal(got["w"], self.tensors["w"])
        self.assertFalse(np.array_equal(got["b"], self.tensors["b"]))

    def test_validation_split_holds_out_the_last_samples(self):
        events = self.train("--validation-split", 0.3, "--lr", 0, "--batch-size", 16)
        z = self.x[7:] @ self.tensors["w"].T + self.tensors["b"]
        loss = -np.log(softmax(z)[np.arange(3), self.y[7:]]).mean()
        self.assertAlmostEqual(loss, events[1]["val_loss"], 5)
        self.assertAlmostEqual((z.argmax(1) == self.y[7:]).mean(), events[1]["val_accuracy"], 5)

    def test_validation_uses_the_weights_and_statistics_of_the_epoch(self):
        save_noisy_cnn(self.model)
        self.x, self.y = weights(7, 20, 2, 8, 8), np.arange(20) % CLASSES
        self.save()
        events = self.train("--validation-split", 0.25, "--epochs", 2, "--batch-size", 4, "--optimizer", "adam")
        self.model, self.x, self.y = self.out, self.x[15:], self.y[15:]
        self.save()
        out, _ = self.expect(OK, *self.arguments("--json", command="eval"))
        self.assertAlmostEqual(json.loads(out)["loss"], events[2]["val_loss"], 5)

    def test_evaluation(self):
        out, _ = self.expect(OK, *self.arguments("--json", "--batch-size", 4, command="eval"))
        z = self.x @ self.tensors["w"].T + self.tensors["b"]
        result = json.loads(out)
        self.assertAlmostEqual(-np.log(softmax(z)[np.arange(10), self.y]).mean(), result["loss"], 5)
        self.assertAlmostEqual((z.argmax(1) == self.y).mean(), result["accuracy"], 5)

    def test_passes_are_timed(self):
        for command in ("train", "eval"):
            _, err = self.expect(OK, *self.arguments("--time-passes", command=command))
            self.assertRegex(err, r"(?m)^ +[0-9.]+ +1 +1  select-kernels$")

    def test_steps_with_a_bad_loss_are_skipped(self):
        self.x[2] = np.nan
        self.save()
        self.train("--nan", "skip", "--batch-size", 5, "--no-shuffle")
        self.assertTrue(np.isfinite(tensors_of(self.out)["w"]).all())


    def rates(self, schedule, steps=6, lr=0.5):
        """The learning rate of each step, seen in a bias whose gradient is always 1."""
        nodes = [helper.make_node("Add", ["x", "b"], ["y"])]
        save_model(self.model, nodes, [tensor_info("x", ["n", 1])], [tensor_info("y", ["n", 1])],
                   [numpy_helper.from_array(np.full((1,), 1000, np.float32), "b")])
        self.x, self.y = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)
        self.save()
        at = [1000.0]
        for n in range(1, steps + 1):
            self.train("--steps", n, "--lr", lr, "--lr-schedule", schedule, loss="mae")
            at.append(float(tensors_of(self.out)["b"][0]))
        return -np.diff(at)

    def test_schedules(self):
        for schedule, want in {
            "constant,warmup_steps=2": [0.25, 0.5, 0.5, 0.5],
            "step,step_size=2,gamma=0.5": [0.5, 0.5, 0.25, 0.25],
            "step,step_size=1": [0.5, 0.05, 0.005, 0.0005],
            "step,step_size=1,gamma=1": [0.5, 0.5],
            "exponential,decay_steps=1,decay_rate=0.5,warmup_steps=1": [0.5, 0.5, 0.25, 0.125],
            "polynomial,decay_steps=2,end=0.1": [0.5, 0.3, 0.1, 0.1],
        }.items():
            with self.subTest(schedule):
                np.testing.assert_allclose(self.rates(schedule, len(want)), want, atol=1e-4)

    def test_rows_of_a_table_sum_what_all_their_uses_give(self):
        nodes = [helper.make_node("Gather", ["table", "x"], ["rows"]),
                 helper.make_node("ReduceSum", ["rows", "axes"], ["y"], keepdims=0)]
        table = weights(3, 50, CLASSES)
        save_model(self.model, nodes, [tensor_info("x", ["n", 7], TensorProto.INT64)], [tensor_info("y", ["n", CLASSES])],
                   [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.int64([1]), "axes")])
        self.x = np.random.default_rng(5).integers(-50, 50, (40, 7))
        self.y = np.zeros((40, CLASSES), np.float32)
        self.save()
        self.train("--batch-size", 25, "--no-shuffle", "--lr", 0.1, loss="mse")  # and a last batch of 15
        for x in self.x[:25], self.x[25:]:
            y, slope = table[x].sum(1), np.zeros_like(table)
            np.add.at(slope, x, (2 * y / y.size)[:, None])
            table = table - 0.1 * slope
        np.testing.assert_allclose(tensors_of(self.out)["table"], table, atol=1e-5)

    def test_weights_that_are_constant_nodes_become_initializers(self):
        constant = lambda name: helper.make_node("Constant", [], [name], value=numpy_helper.from_array(self.tensors[name], name))
        nodes = [constant("w"), constant("b"), helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
        plain = self.train("--batch-size", 5), tensors_of(self.out)
        save_model(self.model, nodes, [tensor_info("x", ["n", 4])], [tensor_info("y", ["n", CLASSES])])
        found = self.train("--batch-size", 5), tensors_of(self.out)
        self.assertEqual(plain[0][1]["loss"], found[0][1]["loss"])
        for name in "wb":
            np.testing.assert_array_equal(plain[1][name], found[1][name])

    def test_models_exported_in_training_mode(self):
        self.x = weights(7, 10, 2, 8, 8)
        self.save()
        results = []
        for in_training_mode in False, True:
            save_noisy_cnn(self.model, in_training_mode=in_training_mode)
            events = self.train("--batch-size", 5, "--epochs", 2, "--validation-split", 0.2)
            results.append([[e.get("loss"), e.get("val_loss")] for e in events] + [tensors_of(self.out)[n].tolist() for n in ("v", "var")])
            self.expect(OK, *self.arguments(command="eval"))
        self.assertEqual(*results)

    def test_constants_that_decide_sizes_are_no_weights(self):
        constant = lambda name, *numbers: helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.float32(numbers), name))
        self.x = weights(7, 10, 1, 2, 2)
        self.save()
        nodes = [constant("ones", 1, 1), constant("twos", 2, 2), helper.make_node("Concat", ["ones", "twos"], ["scales"], axis=0),
                 helper.make_node("Resize", ["x", "", "scales"], ["r"]), helper.make_node("Flatten", ["r"], ["f"]),
                 helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1)]
        tensors = {"w": weights(1, CLASSES, 16), "b": weights(2, CLASSES)}
        save_model(self.model, nodes, [tensor_info("x", ["n", 1, 2, 2])], [tensor_info("y", ["n", CLASSES])],
                   [numpy_helper.from_array(t, n) for n, t in tensors.items()])
        self.assertEqual(CLASSES * 17, self.train()[0]["parameters"])

    def test_losses_of_models_in_other_floats(self):
        want = None
        for dtype, tolerance in (np.float32, 1e-6), (np.float64, 1e-6), (np.float16, 3e-3):
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
            save_model(self.model, nodes, [tensor_info("x", ["n", 4], kind)], [tensor_info("y", ["n", CLASSES], kind)],
                       [numpy_helper.from_array(t.astype(dtype), n) for n, t in self.tensors.items()])
            self.x = self.x.astype(dtype)
            self.save()
            loss = self.train("--batch-size", 5, "--epochs", 2, "--optimizer", "adam")[2]["loss"]
            want = want or loss
            self.assertAlmostEqual(want, loss, delta=tolerance)
            out, _ = self.expect(OK, *self.arguments("--json", command="eval"))
            z = self.x.astype(np.float64) @ self.tensors["w"].T + self.tensors["b"]
            self.assertAlmostEqual(-np.log(softmax(z)[np.arange(10), self.y]).mean(), json.loads(out)["loss"], delta=3 * tolerance)

    def test_hinge(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        w = weights(3, 4, 1)
        save_model(self.model, nodes, [tensor_info("x", ["n", 4])], [tensor_info("y", ["n", 1])],
                   [numpy_helper.from_array(w, "w")])
        self.y = (np.arange(10) % 2).astype(np.int32)
        self.save()
        events = self.train("--batch-size", 10, "--no-shuffle", "--lr", 0.1, loss="hinge")
        sign = self.y[:, None] * 2 - 1
        z = self.x @ w
        self.assertAlmostEqual(np.maximum(1 - sign * z, 0).mean(), events[1]["loss"], 5)
        slope = (self.x * (-sign * (1 - sign * z > 0))).mean(0)[:, None]
        np.testing.assert_allclose(tensors_of(self.out)["w"], w - 0.1 * slope, atol=1e-6)

    def test_kullback_leibler_divergence(self):
        nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"], transB=1), helper.make_node("Softmax", ["z"], ["y"])]
        save_model(self.model, nodes, [tensor_info("x", ["n", 4])], [tensor_info("y", ["n", CLASSES])],
                   [numpy_helper.from_array(t, n) for n, t in self.tensors.items()])
        self.y = softmax(weights(9, 10, CLASSES))
        self.save()
        events = self.train("--batch-size", 10, "--no-shuffle", "--lr", 0.1, loss="kl_divergence")
        p = softmax(self.x @ self.tensors["w"].T + self.tensors["b"])
        self.assertAlmostEqual((self.y * np.log(self.y / p)).sum(1).mean(), events[1]["loss"], 5)
        np.testing.assert_allclose(tensors_of(self.out)["b"], self.tensors["b"] - 0.1 * (p - self.y).mean(0), atol=1e-6)


class SeveralInputsAndOutputs(TrainTest):
    def setUp(self):
        super().setUp()
        nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["z", "v"], ["k"]),
                 helper.make_node("Add", ["h", "k"], ["sum"]), helper.make_node("Sub", ["h", "k"], ["difference"])]
        self.tensors = {"w": weights(1, 4, CLASSES), "v": weights(2, 2, CLASSES)}
        save_model(self.model, nodes, [tensor_info("x", ["n", 4]), tensor_info("z", ["m", 2])],
                   [tensor_info("sum", ["n", CLASSES]), tensor_info("difference", ["n", CLASSES])],
                   [numpy_helper.from_array(t, n) for n, t in self.tensors.items()])
        self.z, self.y = weights(8, 10, 2), weights(9, 10, CLASSES)
        np.save(self.folder / "z.npy", self.z)
        self.save()

    def arguments(self, *more, loss="mse", command="train", data="x={0}/x.npy,z={0}/z.npy"):
        return [command, self.model, "--data", data.format(self.folder), "--labels", self.folder / "y.npy",
                "--loss", "mse", *more]

    def test_one_step(self):
        for output, sign in ("sum", 1), ("difference", -1):
            self.train("--output-name", output, "--batch-size", 16, "--no-shuffle", "--lr", 0.5)
            error = self.x @ self.tensors["w"] + sign * self.z @ self.tensors["v"] - self.y
            slope = 2 * error / error.size
            got = tensors_of(self.out)
            np.testing.assert_allclose(got["w"], self.tensors["w"] - 0.5 * self.x.T @ slope, atol=1e-6)
            np.testing.assert_allclose(got["v"], self.tensors["v"] - sign * 0.5 * self.z.T @ slope, atol=1e-6)

    def test_refusals(self):
        self.refuse(USAGE, words=["2 outputs", "'sum'", "'difference'", "--output-name"])
        self.refuse(USAGE, "--output-name", "product", words=["no output 'product'", "'sum'"])
        output = "--output-name", "sum"
        for data, words in {"{0}/x.npy": ["'x', 'z'", "NAME=FILE"], "x={0}/x.npy": ["no file for input 'z'"],
                            "x={0}/x.npy,q={0}/z.npy": ["q=", "'x', 'z'"]}.items():
            self.expect_error(USAGE, *self.arguments(*output, data=data), words=words)
        np.save(self.folder / "z.npy", self.z[:7])
        self.refuse(USAGE, *output, words=["7 rows of input 'z'", "10 samples"])
        np.save(self.folder / "z.npy", self.z.astype(np.float64))
        self.refuse(USAGE, *output, words=["data of 'z'", "f64[10,2]"])


class Loops(TrainTest):
    def save_loop(self, *count):
        """y = x w^turns, in a loop; `count` are the nodes that compute its turns."""
        again, turn = (tensor_info(name, [], kind) for name, kind in (("again", TensorProto.BOOL), ("turn", TensorProto.INT64)))
        body = helper.make_graph([helper.make_node("Mul", ["h", "w"], ["next"]),
                                  helper.make_node("Identity", ["again"], ["go_on"])],
                                 "body", [turn, again, tensor_info("h", ["n", 4])],
                                 [tensor_info("go_on", [], TensorProto.BOOL), tensor_info("next", ["n", 4])])
        self.w = np.float32(1.1) + weights(1, 1, 4) * np.float32(0.1)
        save_model(self.model, [*count, helper.make_node("Loop", ["turns", "", "x"], ["y"], name="powers", body=body)],
                   [tensor_info("x", ["n", 4])], [tensor_info("y", ["n", 4])], [numpy_helper.from_array(self.w, "w")])

    def test_weights_of_a_body_are_trained(self):
        self.save_loop(helper.make_node("Constant", [], ["turns"], value_int=3))
        self.train("--batch-size", 10, "--no-shuffle", "--lr", 0.1)
        slope = softmax(self.x * self.w**3) - np.eye(4)[self.y]
        want = self.w - 0.1 * (slope * self.x * 3 * self.w**2).mean(0)
        np.testing.assert_allclose(tensors_of(self.out)["w"], want, atol=1e-6)

    def test_loop_that_data_ends_has_no_gradient(self):
        self.save_loop(helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
                       helper.make_node("Cast", ["most"], ["turns"], to=TensorProto.INT64))
        self.refuse(MODEL, words=["powers", "Loop", "trip count"])


class BadTrainingInput(TrainTest):
    def test_label_out_of_range(self):
        self.y[4] = CLASSES
        self.save()
        self.refuse(USAGE, words=["label 3", "sample 4", "3 classes"])

    def test_labels_of_the_wrong_type(self):
        self.y = self.y.astype(np.float32)
        self.save()
        self.refuse(USAGE, words=["labels are f32", "integers"])

    def test_labels_of_another_shape(self):
        self.refuse(USAGE, "--batch-size", 10, words=["labels are i32[10]", "f32[10,3]"], loss="mse")
        self.refuse(USAGE, words=["sparse_categorical_crossentropy"], loss="categorical_crossentropy")
        self.y = np.eye(CLASSES, dtype=np.float32)[self.y]
        self.save()
        self.refuse(USAGE, words=["rows of shares belong to categorical_crossentropy"])

    def test_labels_that_are_no_numbers(self):
        for dtype in np.complex64, str:
            self.y = np.zeros((10, CLASSES)).astype(dtype)
            self.save()
            self.refuse(USAGE, words=["the labels are", "need numbers"], loss="mse")

    def test_negative_label(self):
        self.y[3] = -1
        self.save()
        self.refuse(USAGE, words=["label -1", "sample 3", "0 to 2"])

    def test_data_of_another_shape(self):
        self.x = weights(7, 10, 5)
        self.save()
        self.refuse(USAGE, words=["fixes axis 1 to 4", "the samples 'x' f32[10,5]", "--data"])
        self.x = weights(7, 10)
        self.save()
        self.refuse(USAGE, words=["has 1 axes", "the samples 'x' f32[10]"])

    def test_batches_that_the_model_does_not_take(self):
        save_dense(self.model, batch=8)
        self.refuse(USAGE, "--batch-size", 4, words=["batches of 4", "fixes axis 0 to 8", "--batch-size"])
        self.refuse(USAGE, "--batch-size", 8, words=["batches of 2", "fixes axis 0 to 8"])

    def test_data_by_wrong_names(self):
        x, model = self.folder / "x.npy", self.model
        for data, words in {f"q={x}": ["the inputs of", "'x'"], f"x={x},x={x}": ["'x' twice"]}.items():
            self.expect_error(USAGE, "train", model, "--data", data, "--labels", self.folder / "y.npy", "--loss", LOSS, words=words)

    def test_files_that_are_no_arrays(self):
        whole = (self.folder / "x.npy").read_bytes()
        for content, words in {whole[:150]: ["22 bytes", "needs 160"], b"": ["not a .npy file"], b"text" * 9: ["not a .npy file"]}.items():
            (self.folder / "x.npy").write_bytes(content)
            self.refuse(FILE, words=["x.npy", *words])

    def test_data_of_another_type(self):
        self.x = self.x.astype(np.float64)
        self.save()
        self.refuse(USAGE, words=["f64[10,4]", "input is f32"])

    def test_fewer_labels_than_samples(self):
        self.y = self.y[:7]
        self.save()
        self.refuse(USAGE, words=["7 labels", "10 samples"])

    def test_no_samples(self):
        self.x, self.y = self.x[:0], self.y[:0]
        self.save()
        self.refuse(USAGE, words=["no samples"])

    def test_fewer_samples_than_a_batch_are_one_batch(self):
        events = self.train("--batch-size", 64)
        self.assertEqual(1, events[1]["steps"])

    def test_loss_that_is_no_number(self):
        self.x[2] = np.nan
        self.save()
        self.refuse(LIMIT, "--batch-size", 5, "--no-shuffle", words=["step 1", "--nan=skip"])

    def test_unknown_names(self):
        self.refuse(USAGE, words=["no loss", "mse"], loss="median")
        self.refuse(USAGE, "--optimizer", "adagrid", words=["no optimizer", "adamw"])
        self.refuse(USAGE, "--freeze", "nothing", words=["no initializer", "nothing"])
        self.refuse(USAGE, "--lr-schedule", "linear", words=["linear", "cosine"])
        self.refuse(USAGE, "--lr-schedule", "cosine", words=["decay_steps"])
        self.refuse(USAGE, "--lr-schedule", "step,step_size=0", words=["step_size must be greater"])
        self.refuse(USAGE, "--lr-schedule", "cosine,decay_steps=x", words=["'x' is no number"])
        self.refuse(USAGE, "--lr-schedule", "cosine,decay_steps=2,rate=1", words=["'rate' is no part"])
        self.refuse(USAGE, "--lr-schedule", "piecewise,boundaries=1:2,values=1", words=["2 boundaries need 3 values"])
        self.refuse(USAGE, "--lr-schedule", "piecewise,boundaries=5:2,values=1:2:3", words=["boundaries must grow"])
        self.refuse(USAGE, "--freeze", "q*", words=["no initializer", "q*"])
        self.refuse(USAGE, "--freeze", "*", words=["all weights are frozen"])

    def test_numbers_out_of_range(self):
        for option in "--batch-size", "--threads", "--max-mem":
            self.refuse(USAGE, option, 0, words=[option, "it is 0", "greater than 0"])
        for option in "--epochs", "--steps", "--l1", "--l2", "--seed":
            self.refuse(USAGE, option, -1, words=[option, "it is -1", "not negative"])
        for option in "--lr", "--weight-decay", "--clipnorm", "--global-clipnorm", "--clipvalue":
            self.refuse(USAGE, option, -1, words=["the optimizer's", "is -1, need 0 or more"])
        self.refuse(USAGE, "--lr", "nan", words=["learning rate is nan"])
        self.refuse(USAGE, "--momentum", 2, words=["momentum is 2", "[0, 1]"])
        self.refuse(USAGE, "--steps", "9" * 30, words=["too large"])

    def test_options_that_would_do_nothing(self):
        self.refuse(USAGE, "--optimizer", "adam", "--momentum", 0.9, words=["'adam' has no --momentum", "sgd, rmsprop"])
        self.refuse(USAGE, "--beta1", 0.9, words=["'sgd' has no --beta1", "adamw"])
        self.refuse(USAGE, "--gamma", 1, words=["has no --gamma", "categorical_focal_crossentropy"])
        self.refuse(USAGE, "--from-probabilities", words=["'mse' has no --from-probabilities"], loss="mse")
        self.refuse(USAGE, "--label-smoothing", 0.1, words=["'mse' has no --label-smoothing"], loss="mse")

    def test_weights_of_classes(self):
        self.refuse(USAGE, "--class-weight", "0:-1", words=["'0:-1'", "0 or more"])
        self.refuse(USAGE, "--class-weight", "0.5:1", words=["'0.5:1'", "number of a class"])
        self.refuse(USAGE, "--class-weight", "abc", words=["CLASS:WEIGHT"])
        _, err = self.expect(OK, *self.arguments("--class-weight", "7:2", "-o", self.out))
        self.assertIn("no label is of class 7", err)

    def test_weights_of_samples(self):
        for array, words in ((np.ones(7, np.float32), "7 sample weights for 10"), (np.ones(10), "need one f32 number")):
            np.save(self.folder / "weights.npy", array)
            self.refuse(USAGE, "--sample-weights", self.folder / "weights.npy", words=[words])

    def test_split_that_leaves_nothing(self):
        self.refuse(USAGE, "--validation-split", 1, words=["--validation-split", "0 to train"])

    def test_missing_files(self):
        os.remove(self.folder / "x.npy")
        self.refuse(FILE, words=["x.npy"])

    def test_output_that_cannot_be_written(self):
        self.expect_error(FILE, *self.arguments("-o", self.folder / "nowhere" / "trained.onnx"), words=["cannot write", "nowhere"])
        self.expect_error(FILE, *self.arguments("-o", self.folder), words=["cannot write", "it is a directory"])
        self.expect_error(FILE, *self.arguments("--checkpoint", self.folder), words=["cannot write", "it is a directory"])

    def test_model_without_weights(self):
        save_model(self.model, [helper.make_node("Relu", ["x"], ["y"])], [tensor_info("x", ["n", 4])],
                   [tensor_info("y", ["n", 4])])
        self.refuse(MODEL, words=["no weights that could be trained", "none of its 0 initializers"])

    def test_outputs_that_are_no_floats(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("ArgMax", ["h"], ["y"], axis=1, keepdims=0)]
        save_model(self.model, nodes, [tensor_info("x", ["n", 4])], [tensor_info("y", ["n"], TensorProto.INT64)],
                   [numpy_helper.from_array(weights(1, 4, 3), "w")])
        self.refuse(USAGE, words=["output is i64[n]", "need floats"], loss="mse")


class BadEvaluationInput(TrainTest):
    def refuse_evaluation(self, *more, words):
        self.expect_error(USAGE, *self.arguments(*more, command="eval"), words=words)

    def test_labels_and_data(self):
        self.refuse_evaluation("--lr", 1, words=["no option --lr"])
        self.y[2] = 5
        self.save()
        self.refuse_evaluation(words=["label 5 of sample 2"])
        self.y = self.y[:9]
        self.save()
        self.refuse_evaluation(words=["9 labels for 10 samples"])
        self.x, self.y = self.x[:0], self.y[:0]
        self.save()
        self.refuse_evaluation(words=["no samples"])


if __name__ == "__main__":
    unittest.main()
