"""check_keras.py FOLDER: Keras' layers compute what FOLDER/*/ has, with the same weights: outputs and gradients.

check_keras.py --installed: whether Keras is there.
"""
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
try:
    if sys.argv[1] == "--installed":
        import importlib.util
        sys.exit(0 if all(importlib.util.find_spec(name) for name in ("keras", "tensorflow")) else 77)
    import keras
    import numpy as np
    import tensorflow as tf
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def keras_weights(layer, arrays):
    """Weights (or their gradients) in Keras' forms and order; those that Keras does not train stay last."""
    kind = type(layer).__name__
    arrays = list(arrays)
    last_first = lambda a: np.moveaxis(a, (0, 1), (-1, -2))  # [outputs, inputs, window] -> [window, inputs, outputs]
    if kind in ("Conv1D", "Conv2D", "Conv3D"):
        arrays[0] = last_first(arrays[0])
    elif kind == "Conv2DTranspose":
        arrays[0] = np.moveaxis(arrays[0], (0, 1), (-1, -2))
    elif kind in ("DepthwiseConv2D", "SeparableConv2D"):
        multiplier = layer.depth_multiplier
        outputs, _, height, width = arrays[0].shape
        arrays[0] = arrays[0].reshape(outputs // multiplier, multiplier, height, width).transpose(2, 3, 0, 1)
        if kind == "SeparableConv2D":
            arrays[1] = last_first(arrays[1])
    elif kind == "GRU" and layer.use_bias and layer.reset_after:
        arrays[2:] = [np.stack(arrays[2:])]
    elif kind == "Bidirectional":
        middle = len(arrays) // 2
        arrays = keras_weights(layer.forward_layer, arrays[:middle]) + keras_weights(layer.backward_layer, arrays[middle:])
    elif kind == "MultiHeadAttention":
        arrays = [a.reshape(variable.shape) for a, variable in zip(arrays, layer.weights)]
    return arrays


def call(layer, x, training, masked):
    if masked:
        x = keras.layers.Masking()(x)
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return layer(x, x, training=training, use_causal_mask=layer.name.startswith("causal"))
    return layer(x, training=training) if isinstance(layer, keras.layers.BatchNormalization) else layer(x)


def difference(name, found, expected):
    expected = np.asarray(expected)
    if found.shape != expected.shape:
        return [f"{name} is {found.shape}, Keras' is {expected.shape}"]
    error = np.max(np.abs(found - expected), initial=0)
    return [] if error <= 2e-5 * max(1, np.max(np.abs(expected), initial=0)) else [f"{name} differs by {error}"]


def problems(folder):
    expression, kind, masked = (folder / "layer.txt").read_text().split("\n")[:3]
    load = lambda name: np.load(folder / f"{name}.npy")
    count = len(list(folder.glob("weight_*.npy")))
    last = (lambda a: np.moveaxis(a, 1, -1)) if kind == "image" else (lambda a: a)
    layer = eval("keras.layers." + expression)
    x = last(load("input"))
    call(layer, tf.constant(x), False, masked)
    layer.set_weights(keras_weights(layer, [load(f"weight_{k}") for k in range(count)]))
    output = load("output")
    found = difference("the output", last(output) if output.ndim > 2 else output, call(layer, tf.constant(x), False, masked))
    variables = [v.value for v in layer.trainable_weights]
    with tf.GradientTape() as tape:
        factors = tf.ones((1, *x.shape[1:]))
        tape.watch(factors)
        scaled = tf.constant(x) if x.dtype == np.int32 else tf.constant(x) * factors
        outputs = call(layer, scaled, True, masked)
        loss = tf.reduce_mean(outputs ** 2)
    gradients = tape.gradient(loss, [factors, *variables])
    if (folder / "input_gradient.npy").exists():
        found += difference("the gradient of the input", last(load("input_gradient")), gradients[0])
    ours = keras_weights(layer, [load(f"gradient_{k}") for k in range(count)])
    for variable, mine, theirs in zip(layer.trainable_weights, ours, gradients[1:]):
        found += difference(f"the gradient of {variable.name}", mine, tf.convert_to_tensor(theirs))
    return expression, found


def main():
    folders = sorted(pathlib.Path(sys.argv[1]).iterdir())
    failures = 0
    for folder in folders:
        expression, found = problems(folder)
        if found:
            failures += 1
            print(f"{folder.name}: {expression}: {'; '.join(found)}")
    print(f"{len(folders)} layers compared with Keras {keras.__version__}, {failures} differ", flush=True)
    os._exit(1 if failures or not folders else 0)  # TensorFlow may crash while Python ends


if __name__ == "__main__":
    main()
