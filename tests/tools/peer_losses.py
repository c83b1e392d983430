"""The first losses of a network in PyTorch, float64: peer_losses.py LAYERS.json WEIGHTS.npz X.npy Y.npy STEPS.

The layers are those of bench_training.py, the weights theirs in order, named 0, 1 and so on."""
import json
import math
import sys

import numpy as np
import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def module(layer, tensors):
    kind = layer[0]
    if kind == "res":
        return Residual(network(layer[1], tensors), network(layer[2], tensors))
    if kind == "gap":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if kind == "conv":
        made = nn.Conv2d(*layer[1:6], bias=layer[6])
    elif kind == "dense":
        made = nn.Linear(layer[1], layer[2])
    elif kind == "bn":  # ONNX holds epsilon as f32
        return nn.BatchNorm2d(layer[1], eps=float(np.float32(1e-5)))
    else:
        plain = {"relu": nn.ReLU, "tanh": nn.Tanh, "flatten": nn.Flatten, "maxpool": nn.MaxPool2d, "avgpool": nn.AvgPool2d}
        return plain[kind](*layer[1:2]) if kind.endswith("pool") else plain[kind]()
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(next(tensors)))
        if made.bias is not None:
            made.bias.copy_(torch.from_numpy(next(tensors)))
    return made


def network(layers, tensors):
    return nn.Sequential(*(module(layer, tensors) for layer in layers))


def losses(layers, tensors, x, y, steps):
    net = network(layers, iter(tensors)).to(torch.float64).train()
    x, y = torch.from_numpy(x).to(torch.float64), torch.from_numpy(y).long()
    parameters = list(net.parameters())
    means, squares = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    found = []
    for step in range(1, steps + 1):
        net.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        found.append(loss.item())
        # Adam by Keras' formula, its rate and correction as the f32 numbers that a step gets.
        rate = float(np.float32(1e-3)) * float(np.float32(math.sqrt(1 - 0.999**step) / (1 - 0.9**step)))
        with torch.no_grad():
            for p, m, v in zip(parameters, means, squares):
                m += (p.grad - m) * (1 - 0.9)
                v += (p.grad * p.grad - v) * (1 - 0.999)
                p -= rate * m / (v.sqrt() + 1e-7)
    return found


def main(layers, tensors, x, y, steps):
    with np.load(tensors) as file:
        weights = [file[f"{i}"] for i in range(len(file.files))]
    print(json.dumps(losses(json.loads(open(layers).read()), weights, np.load(x), np.load(y), int(steps))))


main(*sys.argv[1:])
