"""peer_formulae.py keras|pytorch CASES.json: what the peer computes for formulae_test.py's cases, as JSON on standard output.

A case is a loss, with its gradient by w of outputs x w, or an optimizer, with w after some steps down the mean squared error
of x w. `peer` is the peer's expression of it.
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"


def of_keras(case):
    import keras
    import numpy as np
    import tensorflow as tf
    x, y = np.float32(case["x"]), np.asarray(case["y"])
    weights = None if case["weights"] is None else np.float32(case["weights"])
    w = keras.Variable(np.float32(case["w"]))
    made = eval(case["peer"], {"keras": keras})
    loss = made if case["steps"] == 0 else keras.losses.MeanSquaredError()
    if case["steps"] != 0:
        made.build([w])
    for _ in range(max(case["steps"], 1)):
        with tf.GradientTape() as tape:
            value = loss(y, tf.constant(x) * w.value, weights)
        slope = tape.gradient(value, w.value)
        if case["steps"] == 0:
            return [float(value), *map(float, tf.convert_to_tensor(slope).numpy())]
        made.apply_gradients([(slope, w)])
    return list(map(float, w.numpy()))


def of_pytorch(case):
    import torch
    x, y = torch.tensor(case["x"], dtype=torch.float32), torch.tensor(case["y"])
    weights = None if case["weights"] is None else torch.tensor(case["weights"], dtype=torch.float32)
    w = torch.tensor(case["w"], dtype=torch.float32, requires_grad=True)
    names = {"torch": torch, "F": torch.nn.functional, "w": w, "weights": weights}
    if case["steps"] == 0:
        value = eval(case["peer"], {**names, "z": x * w, "y": y})
        value.backward()
        return [float(value), *map(float, w.grad)]
    optimizer = eval(case["peer"], names)
    for _ in range(case["steps"]):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(x * w, y).backward()
        if case["limit"]:
            eval(case["limit"], names)
        optimizer.step()
    return list(map(float, w.detach()))


def main():
    peer, path = sys.argv[1:]
    try:
        if peer == "keras":
            import tensorflow  # noqa: F401
        else:
            import torch  # noqa: F401
    except ImportError as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
    with open(path) as file:
        cases = json.load(file)
    print(json.dumps([(of_keras if peer == "keras" else of_pytorch)(case) for case in cases]))


main()
