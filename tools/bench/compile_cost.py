#!/usr/bin/env python3
"""What compiling a model costs, and what comes out: time, peak memory, size of the executable, allocations while running.

    .deps/bin/python tools/bench/compile_cost.py [FOLDER ...] [--json FILE]

FOLDERs as in compare.py; by default resnet50 of build/zoo. Compiles with --kernels=llvm --static. Prints a Markdown table.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import models

HERE = pathlib.Path(__file__).resolve().parent


def compile_model(cnnc, model, program):
    """(seconds, peak memory in bytes) of one `cnnc compile`."""
    start = time.monotonic()
    process = subprocess.Popen([cnnc, "compile", model, "-o", program, "--kernels=llvm", "--static", "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(f"compiling {model} failed")
    # A process is told to have had what its parent had when it was started.
    if usage.ru_maxrss <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
        raise RuntimeError(f"compiling {model} took less memory than this program, and how much cannot be told")
    return time.monotonic() - start, usage.ru_maxrss * 1024


def weight_bytes(cnnc, model):
    inspected = subprocess.run([cnnc, "inspect", model, "--json"], check=True, capture_output=True, text=True)
    return json.loads(inspected.stdout)["constant_bytes"]


def packed_bytes(program):
    """Size of the executable's weights as the kernels want them: they have the section of large read-only data."""
    sections = subprocess.run(["readelf", "-SW", program], check=True, capture_output=True, text=True).stdout
    line = next((line for line in sections.splitlines() if " .lrodata " in line), None)
    return int(line.split("]")[1].split()[4], 16) if line else 0


def allocations(cnnc, model, folder):
    """How often ten runs allocate, once the first has planned memory."""
    subprocess.run([cnnc, "compile", model, "--emit=a", "--name=counted", "--kernels=llvm", "--quiet",
                    "-o", folder / "counted.a"], check=True)
    subprocess.run(["cc", "-I", folder, HERE / "count_allocations.c", folder / "counted.a", "-lm",
                    "-o", folder / "count"], check=True)
    return int(subprocess.run([folder / "count"], check=True, capture_output=True, text=True).stdout)


def measure(cnnc, model_folder):
    model = model_folder / "model.onnx"
    with tempfile.TemporaryDirectory(prefix="cnnc_cost_") as name:
        folder = pathlib.Path(name)
        program = folder / "program"
        # The first call reads the files from the disk.
        seconds, memory = min(compile_model(cnnc, model, program) for _ in range(3))
        return {"model": model_folder.name, "weights": weight_bytes(cnnc, model), "seconds": seconds,
                "peak_memory": memory, "executable": program.stat().st_size, "packed_weights": packed_bytes(program),
                "allocations": allocations(cnnc, model, folder)}


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    parser.add_argument("--cnnc", type=pathlib.Path, default=models.ROOT / "build" / "bin" / "cnnc")
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures there")
    arguments = parser.parse_args()
    folders = models.folders(arguments.folders)
    if not arguments.folders:
        folders = [folder for folder in folders if folder.name == "resnet50"]
    print("| model | weights | compile time | peak memory | executable | of it besides weights | allocations in 10 runs |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    results = []
    for folder in folders:
        r = measure(arguments.cnnc, folder)
        results.append(r)
        print(f"| {r['model']} | {megabytes(r['weights'])} | {r['seconds']:.2f} s | {megabytes(r['peak_memory'])} | "
              f"{megabytes(r['executable'])} | {megabytes(r['executable'] - r['packed_weights'])} | "
              f"{r['allocations']} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"schema": 1, "results": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
