"""Losses and optimizers by Keras' formulae and by PyTorch's: with the numbers that both computed for the cases of seed 0.

Other seeds (CNNC_TEST_SEED) need the peers: CNNC_KERAS_PYTHON and CNNC_TORCH_PYTHON name a Python that has them. CNNC_BLESS=1
records their numbers in formulae.json.
"""
import json
import os
import pathlib
import random
import subprocess
import unittest

import numpy as np

from command import helper, numpy_helper, save_model, tensor_info
from training import TrainTest, tensors_of

HERE = pathlib.Path(__file__).parent
RECORDED = HERE / "formulae.json"
ROWS, COLUMNS = 5, 3
PYTHONS = {"keras": "CNNC_KERAS_PYTHON", "pytorch": "CNNC_TORCH_PYTHON"}


class Cases:
    """Random options of every loss and optimizer that both conventions, or one of them, know."""

    def __init__(self, seed, convention):
        self.rng = random.Random(seed)
        self.convention = convention
        self.all = []

    def number(self, low, high):
        return round(self.rng.uniform(low, high), 3)

    def table(self, low, high, rows=ROWS, columns=COLUMNS):
        return [[self.number(low, high) for _ in range(columns)] for _ in range(rows)]

    def shares(self):
        return [[v / sum(row) for v in row] for row in self.table(0.1, 1)]

    def classes(self):
        return [self.rng.randrange(COLUMNS) for _ in range(ROWS)]

    def hot(self):
        return [[float(c == k) for k in range(COLUMNS)] for c in self.classes()]

    def bits(self):
        return [[float(self.rng.random() < 0.5) for _ in range(COLUMNS)] for _ in range(ROWS)]

    def loss(self, arguments, x, y, peer, weighted=False):
        weights = [self.number(0.1, 2) for _ in range(ROWS)] if weighted else None
        arguments = [*arguments, "--optimizer", "sgd", "--lr", 1]
        self.all.append({"arguments": arguments, "x": x, "y": y, "w": [1.0] * COLUMNS, "weights": weights, "steps": 0,
                         "peer": peer, "limit": ""})

    def optimizer(self, kind, peer, limit="", **options):
        arguments = ["--loss", "mse", "--optimizer", kind]
        for name, value in options.items():
            arguments += ["--" + name.replace("_", "-")] + ([] if value is True else [value])
        self.all.append({"arguments": arguments, "x": self.table(-2, 2), "y": self.table(-2, 2), "weights": None,
                         "w": [self.number(-1, 1) for _ in range(COLUMNS)], "steps": 4, "peer": peer, "limit": limit})


def keras_losses(c):
    s, gamma, alpha, beta = c.number(0, 0.3), c.number(0.5, 3), c.number(0.1, 0.9), c.number(0.1, 0.9)
    delta = c.number(0.2, 1.5)
    logits = lambda: c.table(-3, 3)
    for weighted in (False, True):
        def loss(name, peer, x, y, *more, weighted=weighted):
            c.loss(["--loss", name, *more], x, y, "keras.losses." + peer, weighted)
        loss("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy(from_logits=True)", logits(), c.classes())
        loss("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy()", c.shares(), c.classes(), "--from-probabilities")
        loss("categorical_crossentropy", f"CategoricalCrossentropy(from_logits=True, label_smoothing={s})", logits(), c.hot(),
             "--label-smoothing", s)
        loss("categorical_crossentropy", f"CategoricalCrossentropy(label_smoothing={s})", c.shares(), c.hot(),
             "--label-smoothing", s, "--from-probabilities")
        loss("binary_crossentropy", f"BinaryCrossentropy(from_logits=True, label_smoothing={s})", logits(), c.bits(),
             "--label-smoothing", s)
        loss("binary_crossentropy", "BinaryCrossentropy()", c.table(0.05, 0.95), c.bits(), "--from-probabilities")
        loss("mse", "MeanSquaredError()", logits(), logits())
        loss("mae", "MeanAbsoluteError()", logits(), logits())
        loss("mape", "MeanAbsolutePercentageError()", logits(), c.table(1, 2))
        loss("msle", "MeanSquaredLogarithmicError()", c.table(0.1, 2), c.table(0.1, 2))
        loss("huber", f"Huber(delta={delta})", logits(), logits(), "--delta", delta)
        loss("log_cosh", "LogCosh()", logits(), logits())
        loss("hinge", "Hinge()", logits(), c.bits())
        loss("squared_hinge", "SquaredHinge()", logits(), c.bits())
        loss("categorical_hinge", "CategoricalHinge()", logits(), c.hot())
        loss("kl_divergence", "KLDivergence()", c.shares(), c.shares())
        loss("poisson", "Poisson()", c.table(0.1, 2), c.table(0, 3))
        loss("cosine_similarity", "CosineSimilarity()", logits(), logits())
        loss("binary_focal_crossentropy", f"BinaryFocalCrossentropy(gamma={gamma}, from_logits=True)", logits(), c.bits(),
             "--gamma", gamma)
        loss("binary_focal_crossentropy",
             f"BinaryFocalCrossentropy(apply_class_balancing=True, alpha={alpha}, gamma={gamma}, label_smoothing={s})",
             c.table(0.05, 0.95), c.bits(), "--class-balancing", "--alpha", alpha, "--gamma", gamma, "--label-smoothing", s,
             "--from-probabilities")
        loss("categorical_focal_crossentropy", f"CategoricalFocalCrossentropy(alpha={alpha}, gamma={gamma}, from_logits=True)",
             logits(), c.hot(), "--alpha", alpha, "--gamma", gamma)
    loss("dice", "Dice()", c.table(0.05, 0.95), c.bits(), weighted=False)
    loss("tversky", f"Tversky(alpha={alpha}, beta={beta})", c.table(0.05, 0.95), c.bits(), "--alpha", alpha, "--beta", beta,
         weighted=False)


def pytorch_losses(c):
    s, delta = c.number(0, 0.3), c.number(0.2, 1.5)
    logits = lambda: c.table(-3, 3)
    log_shares = lambda: [[float(np.log(v)) for v in row] for row in c.shares()]
    weighed = "(({}(z, y, reduction='none') * weights).sum() / weights.sum())"  # what class weights do there

    def loss(name, peer, x, y, *more, weighted=False):
        c.loss(["--loss", name, *more], x, y, peer, weighted)
    loss("sparse_categorical_crossentropy", "F.cross_entropy(z, y)", logits(), c.classes())
    loss("sparse_categorical_crossentropy", weighed.format("F.cross_entropy"), logits(), c.classes(), weighted=True)
    loss("sparse_categorical_crossentropy", "F.nll_loss(F.log_softmax(z, 1), y)", logits(), c.classes())
    loss("categorical_crossentropy", f"F.cross_entropy(z, y, label_smoothing={s})", logits(), c.hot(), "--label-smoothing", s)
    loss("binary_crossentropy", "F.binary_cross_entropy_with_logits(z, y)", logits(), c.bits())
    loss("binary_crossentropy", "F.binary_cross_entropy_with_logits(z, y, weight=weights[:, None])", logits(), c.bits(),
         weighted=True)
    loss("binary_crossentropy", "F.binary_cross_entropy(z, y)", c.table(0.05, 0.95), c.bits(), "--from-probabilities")
    loss("mse", "F.mse_loss(z, y)", logits(), logits())
    loss("mae", "F.l1_loss(z, y)", logits(), logits())
    loss("huber", f"F.huber_loss(z, y, delta={delta})", logits(), logits(), "--delta", delta)
    loss("kl_divergence", "F.kl_div(z, y)", log_shares(), c.shares())
    loss("kl_divergence", "F.kl_div(z, y)", log_shares(), c.hot())
    loss("poisson", "F.poisson_nll_loss(z, y)", c.table(-1, 1), c.table(0, 3))
    loss("poisson", "F.poisson_nll_loss(z, y, log_input=False)", c.table(0.1, 2), c.table(0, 3), "--from-probabilities")


def keras_optimizers(c):
    lr, momentum, decay, epsilon = c.number(0.01, 0.2), c.number(0.1, 0.95), c.number(0.01, 0.3), c.number(0.001, 0.1)
    b1, b2, rho, limit = c.number(0.5, 0.95), c.number(0.8, 0.999), c.number(0.5, 0.99), c.number(0.2, 0.8)
    made = lambda kind, text: f"keras.optimizers.{kind}(learning_rate={lr}, {text})"
    c.optimizer("sgd", made("SGD", f"momentum={momentum}"), lr=lr, momentum=momentum)
    c.optimizer("sgd", made("SGD", f"momentum={momentum}, nesterov=True, weight_decay={decay}"), lr=lr, momentum=momentum,
                nesterov=True, weight_decay=decay)
    for kind in ("Adam", "AdamW"):
        text = f"beta_1={b1}, beta_2={b2}, epsilon={epsilon}, weight_decay={decay}"
        c.optimizer(kind.lower(), made(kind, text), lr=lr, beta1=b1, beta2=b2, epsilon=epsilon, weight_decay=decay)
        c.optimizer(kind.lower(), made(kind, "amsgrad=True"), lr=lr, amsgrad=True)
    c.optimizer("rmsprop", made("RMSprop", f"rho={rho}, epsilon={epsilon}"), lr=lr, rho=rho, epsilon=epsilon)
    c.optimizer("rmsprop", made("RMSprop", f"rho={rho}, momentum={momentum}, centered=True, epsilon={epsilon}"), lr=lr, rho=rho,
                momentum=momentum, centered=True, epsilon=epsilon)
    c.optimizer("adagrad", made("Adagrad", f"initial_accumulator_value={b1}, epsilon={epsilon}"), lr=lr, initial_accumulator=b1,
                epsilon=epsilon)
    c.optimizer("adadelta", made("Adadelta", f"rho={rho}, epsilon={epsilon}"), lr=lr, rho=rho, epsilon=epsilon)
    c.optimizer("adamax", made("Adamax", f"beta_1={b1}, beta_2={b2}, epsilon={epsilon}"), lr=lr, beta1=b1, beta2=b2,
                epsilon=epsilon)
    c.optimizer("lion", made("Lion", f"beta_1={b1}, beta_2={b2}"), lr=lr, beta1=b1, beta2=b2)
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        c.optimizer("sgd", made("SGD", f"{name}={limit}"), lr=lr, **{name: limit})
    for kind in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Lion"):
        c.optimizer(kind.lower(), f"keras.optimizers.{kind}()")


def pytorch_optimizers(c):
    lr, momentum, decay, epsilon = c.number(0.01, 0.2), c.number(0.1, 0.95), c.number(0.01, 0.3), c.number(0.001, 0.1)
    b1, b2, rho, limit = c.number(0.5, 0.95), c.number(0.8, 0.999), c.number(0.5, 0.99), c.number(0.2, 0.8)
    made = lambda kind, text: f"torch.optim.{kind}([w], lr={lr}, {text})"
    c.optimizer("sgd", made("SGD", f"momentum={momentum}, dampening={rho}, weight_decay={decay}"), lr=lr, momentum=momentum,
                dampening=rho, weight_decay=decay)
    c.optimizer("sgd", made("SGD", f"momentum={momentum}, nesterov=True"), lr=lr, momentum=momentum, nesterov=True)
    c.optimizer("sgd", made("SGD", f"weight_decay={decay}"), lr=lr, weight_decay=decay)
    for kind in ("Adam", "AdamW"):
        text = f"betas=({b1}, {b2}), eps={epsilon}, weight_decay={decay}"
        c.optimizer(kind.lower(), made(kind, text), lr=lr, beta1=b1, beta2=b2, epsilon=epsilon, weight_decay=decay)
        c.optimizer(kind.lower(), made(kind, f"eps={epsilon}, amsgrad=True"), lr=lr, epsilon=epsilon, amsgrad=True)
    c.optimizer("rmsprop", made("RMSprop", f"alpha={rho}, eps={epsilon}, weight_decay={decay}"), lr=lr, rho=rho, epsilon=epsilon,
                weight_decay=decay)
    c.optimizer("rmsprop", made("RMSprop", f"alpha={rho}, momentum={momentum}, centered=True, eps={epsilon}"), lr=lr, rho=rho,
                momentum=momentum, centered=True, epsilon=epsilon)
    c.optimizer("adagrad", made("Adagrad", f"initial_accumulator_value={b1}, eps={epsilon}, lr_decay={decay}"), lr=lr,
                initial_accumulator=b1, epsilon=epsilon, lr_schedule=f"inverse_time,decay_steps=1,decay_rate={decay}")
    c.optimizer("adadelta", made("Adadelta", f"rho={rho}, eps={epsilon}, weight_decay={decay}"), lr=lr, rho=rho, epsilon=epsilon,
                weight_decay=decay)
    c.optimizer("adamax", made("Adamax", f"betas=({b1}, {b2}), eps={epsilon}, weight_decay={decay}"), lr=lr, beta1=b1, beta2=b2,
                epsilon=epsilon, weight_decay=decay)
    c.optimizer("sgd", made("SGD", ""), f"torch.nn.utils.clip_grad_norm_([w], {limit})", lr=lr, global_clipnorm=limit)
    c.optimizer("sgd", made("SGD", ""), f"torch.nn.utils.clip_grad_value_([w], {limit})", lr=lr, clipvalue=limit)
    for kind in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax"):
        c.optimizer(kind.lower(), f"torch.optim.{kind}([w])")


def cases(seed, convention):
    c = Cases(seed, convention)
    for fill in (keras_losses, keras_optimizers) if convention == "keras" else (pytorch_losses, pytorch_optimizers):
        fill(c)
    return c.all


class Formulae(TrainTest):
    def computed(self, case, convention):
        """The loss and its gradient, or the weights after the steps."""
        nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
        start = np.float32(case["w"])
        save_model(self.model, nodes, [tensor_info("x", ["n", COLUMNS])], [tensor_info("y", ["n", COLUMNS])],
                   [numpy_helper.from_array(start, "w")])
        self.x, self.y = np.float32(case["x"]), np.asarray(case["y"])
        self.y = self.y.astype(np.int32 if self.y.ndim == 1 else np.float32)
        self.save()
        more = []
        if case["weights"] is not None:
            np.save(self.folder / "weights.npy", np.float32(case["weights"]))
            more = ["--sample-weights", self.folder / "weights.npy"]
        loss, *arguments = case["arguments"][1:]
        steps = max(case["steps"], 1)
        events = self.train("--convention", convention, "--epochs", steps, "--batch-size", ROWS, "--no-shuffle", *arguments, *more,
                            loss=loss)
        w = tensors_of(self.out)["w"]
        return [events[1]["loss"], *(start - w)] if case["steps"] == 0 else list(w)

    def of_peer(self, all_cases, convention):
        python = os.environ.get(PYTHONS[convention])
        if not python:
            self.skipTest(f"{PYTHONS[convention]} names no Python with {convention}")
        path = self.folder / "cases.json"
        path.write_text(json.dumps(all_cases))
        run = subprocess.run([python, HERE / "peer_formulae.py", convention, path], capture_output=True, text=True, timeout=600)
        self.assertEqual(0, run.returncode, run.stdout + run.stderr)
        return json.loads(run.stdout.splitlines()[-1])

    def expected(self, all_cases, convention, seed):
        if seed == 0 and not os.environ.get("CNNC_BLESS"):
            return json.loads(RECORDED.read_text())[convention]
        numbers = [[float(f"{v:.7g}") for v in row] for row in self.of_peer(all_cases, convention)]
        if seed == 0:
            recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
            lists = {**recorded, convention: numbers}
            text = ",\n".join(f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in lists.items())
            RECORDED.write_text("{" + text + "}\n")
        return numbers

    def compare(self, convention):
        seed = int(os.environ.get("CNNC_TEST_SEED", "0"))
        all_cases = cases(seed, convention)
        expected = self.expected(all_cases, convention, seed)
        self.assertEqual(len(all_cases), len(expected), "formulae.json is of other cases; CNNC_BLESS=1 writes it anew")
        for case, want in zip(all_cases, expected):
            with self.subTest(" ".join(map(str, case["arguments"])), peer=case["peer"]):
                np.testing.assert_allclose(self.computed(case, convention), want, rtol=2e-5, atol=2e-5)

    def test_logarithms_of_0_are_limited_as_in_pytorch(self):
        case = {"arguments": ["--loss", "binary_crossentropy", "--from-probabilities", "--optimizer", "sgd", "--lr", 1],
                "x": [[1, 0, 0.5]], "y": [[0, 0, 1]], "w": [1, 1, 1], "weights": None, "steps": 0}
        loss = (100 + 0 + np.log(2)) / 3
        np.testing.assert_allclose(self.computed(case, "pytorch"), [loss, 0, 0, -1 / 3], rtol=1e-6)

    def test_running_variance_of_pytorch_is_over_the_count_less_one(self):
        rng = np.random.default_rng(3)
        x = rng.standard_normal((4, 2, 3)).astype(np.float32)
        nodes = [helper.make_node("BatchNormalization", ["x", "scale", "shift", "mean", "var"], ["y"], momentum=0.75)]
        tensors = {"scale": np.ones(2), "shift": np.zeros(2), "mean": np.zeros(2), "var": np.ones(2)}
        save_model(self.model, nodes, [tensor_info("x", ["n", 2, 3])], [tensor_info("y", ["n", 2, 3])],
                   [numpy_helper.from_array(np.float32(t), n) for n, t in tensors.items()])
        self.x, self.y = x, np.zeros_like(x)
        self.save()
        for convention, count in (("keras", 12), ("pytorch", 11)):
            self.train("--convention", convention, "--batch-size", 4, loss="mse")
            want = 0.75 + 0.25 * x.var((0, 2)) * 12 / count
            np.testing.assert_allclose(tensors_of(self.out)["var"], want, rtol=1e-6)

    def test_pytorch_divides_cross_entropy_by_the_weights_of_the_classes(self):
        losses = [self.train("--convention", c, "--class-weight", "0:3", "--batch-size", 10)[1]["loss"]
                  for c in ("keras", "pytorch")]
        weights = np.where(self.y == 0, 3, 1)
        self.assertAlmostEqual(losses[0] * 10 / weights.sum(), losses[1], 5)

    def test_conventions_that_do_not_fit(self):
        self.refuse(2, "--convention", "pytorch", "--optimizer", "lion", words=["PyTorch has no optimizer 'lion'"])
        self.refuse(2, "--convention", "tensorflow", words=["keras", "pytorch"])
        self.refuse(2, "--dampening", 0.5, "--momentum", 0.9, words=["dampening", "PyTorch"])
        self.refuse(2, "--nesterov", "--convention", "pytorch", words=["nesterov", "momentum"])
        self.refuse(2, "--clipnorm", 1, "--clipvalue", 1, words=["only one of"])
        self.refuse(2, "--optimizer", "adam", "--beta1", 1.5, words=["beta_1 is 1.5"])

    def test_keras(self):
        self.compare("keras")

    def test_pytorch(self):
        self.compare("pytorch")


if __name__ == "__main__":
    unittest.main()
