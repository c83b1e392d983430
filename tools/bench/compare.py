#!/usr/bin/env python3
"""Latency of cnnc beside ONNX Runtime: the same inputs, outputs checked first, engines in turns in short blocks.

    .deps/bin/python tools/bench/compare.py [FOLDER ...] [--threads 1,2] [--executables] [--json FILE]

A FOLDER is in the layout of ONNX's tests (model.onnx, test_data_set_0/), or holds such folders; by default build/zoo,
made with ../shared/models when that is there. Of each block of runs the fastest counts; a model's ratio is the median
over the rounds of (cnnc's time / ONNX Runtime's time in the same round). Prints a Markdown table.
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import sys
import time

import numpy as np

import models
from engines import CnncExecutable, CnncJit, OnnxRuntime, load_tensors

RELATIVE, ABSOLUTE = 1e-3, 1e-4  # the second times the largest expected magnitude
MAX_REPEAT = 2000


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default 1,2)")
    parser.add_argument("--rounds", type=int, default=7, help="how often the engines take turns (default 7)")
    parser.add_argument("--block", type=float, default=0.15, help="seconds of one block of runs (default 0.15)")
    parser.add_argument("--executables", action="store_true", help="measure compiled executables too")
    parser.add_argument("--kernels", default="auto", help="auto, llvm or dnnl")
    parser.add_argument("--cnnc", type=pathlib.Path, default=models.ROOT / "build" / "bin" / "cnnc")
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures there")
    return parser.parse_args()


def machine():
    """'CPU name, N CPUs'."""
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else 'unknown CPU'}, {len(os.sched_getaffinity(0))} CPUs"


def check_outputs(engine, expected, folder):
    found = engine.outputs()
    if len(found) != len(expected):
        raise RuntimeError(f"{folder.name}: {engine.name} gives {len(found)} outputs, expected {len(expected)}")
    for index, (a, b) in enumerate(zip(found, expected)):
        bound = RELATIVE * np.abs(b) + ABSOLUTE * np.abs(b).max(initial=0)
        if a.shape != b.shape or not (np.abs(a - b) <= bound).all():
            raise RuntimeError(f"{folder.name}: output {index} of {engine.name} differs from the reference")


def open_engines(arguments, folder, threads):
    options = ["--kernels", arguments.kernels]
    engines = [OnnxRuntime(folder, threads), CnncJit(arguments.cnnc, folder, threads, options)]
    if arguments.executables:
        engines.append(CnncExecutable(arguments.cnnc, folder, threads, options))
    return engines


def runs_of_a_block(engine, seconds):
    """As many as fill it. A second look where the first was short, for other programs may have disturbed that."""
    fastest = min(engine.latencies(1, 3))
    if fastest < 5:
        fastest = min(fastest, *engine.latencies(1, 50))
    return min(MAX_REPEAT, 2 + int(seconds * 1e3 / fastest))


def measure(arguments, folder, threads):
    """{engine name: [fastest run of each round, in ms]}."""
    engines = open_engines(arguments, folder, threads)
    try:
        expected = load_tensors(folder / "test_data_set_0", "output")
        for engine in engines:
            check_outputs(engine, expected, folder)
        repeat = {engine.name: runs_of_a_block(engine, arguments.block) for engine in engines}
        times = {engine.name: [] for engine in engines}
        for _ in range(arguments.rounds):
            for engine in engines:
                time.sleep(0.01)  # the threads of the engine before have gone to sleep
                times[engine.name].append(min(engine.latencies(1, repeat[engine.name])))
        return times
    finally:
        for engine in engines:
            engine.close()


def summarise(folder, threads, times):
    peer = times[OnnxRuntime.name]
    ratios = {name: statistics.median(own / other for own, other in zip(series, peer))
              for name, series in times.items() if name != OnnxRuntime.name}
    return {"model": folder.name, "threads": threads, "ratios": ratios,
            "latency_ms": {name: min(series) for name, series in times.items()}}


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def measure_all(arguments, folders, threads):
    """Prints the table of one thread count as it is measured."""
    own = [CnncJit.name] + ([CnncExecutable.name] if arguments.executables else [])
    print(f"\n{threads} thread{'s' if threads > 1 else ''}\n", flush=True)
    row(["model", f"{OnnxRuntime.name}, ms", *(f"{name}, ms" for name in own), *(f"ratio of {name}" for name in own)])
    row(["---"] + ["---:"] * (1 + 2 * len(own)))
    results = []
    for folder in folders:
        result = summarise(folder, threads, measure(arguments, folder, threads))
        results.append(result)
        row([folder.name, *(f"{result['latency_ms'][name]:.3g}" for name in [OnnxRuntime.name, *own]),
             *(f"{result['ratios'][name]:.2f}" for name in own)])
    means = [geometric_mean([r["ratios"][name] for r in results]) for name in own]
    row(["**geometric mean**", ""] + [""] * len(own) + [f"**{mean:.2f}**" for mean in means])
    return results


def main():
    arguments = parse_arguments()
    folders = models.folders(arguments.folders)
    if not folders:
        print("skipped: no models; name folders with model.onnx and test_data_set_0/", file=sys.stderr)
        return 77
    print(f"{machine()}; {OnnxRuntime.name} {OnnxRuntime.version}; f32, the batch of the test data", flush=True)
    results = []
    for threads in map(int, arguments.threads.split(",")):
        results += measure_all(arguments, folders, threads)
    if arguments.json:
        record = {"schema": 1, "machine": machine(), "onnxruntime": OnnxRuntime.version, "results": results}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
