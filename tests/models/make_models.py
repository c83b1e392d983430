"""Writes the models that tests/models runs, with reference outputs of ONNX Runtime.

    make_models.py SHARED OUT

SHARED/models has weightless graphs, a program that gives them weights, and one that fetches trained models. A model that is
there already stays; zoo.txt has their names. Exits with 77, skipped, where SHARED or the packages are absent.
"""
import importlib.util
import pathlib
import subprocess
import sys

SKIPPED = 77


def why_not(shared):
    if not (shared / "models" / "hydrate.py").exists():
        return f"there is no {shared / 'models'}"
    missing = [name for name in ("numpy", "onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    return f"python lacks {', '.join(missing)}" if missing else ""


def program(shared, out, name):
    weightless = shared / "models" / "arch" / f"{name}.onnx"
    if weightless.exists():
        return [shared / "models" / "hydrate.py", out, weightless]
    return [shared / "models" / "real.py", out / "downloads", out, name]


def main():
    shared, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if reason := why_not(shared):
        print("skipped:", reason)
        return SKIPPED
    out.mkdir(parents=True, exist_ok=True)
    for name in pathlib.Path(__file__).with_name("zoo.txt").read_text().split():
        # The reference output comes last.
        if (out / name / "test_data_set_0" / "output_0.pb").exists():
            continue
        if subprocess.run([sys.executable, *program(shared, out, name)]).returncode != 0:
            print("not made, its tests are skipped:", name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
