"""check_exports.py FOLDER: onnx.checker accepts FOLDER/*/model.onnx, and ONNX Runtime computes the outputs beside them."""
import pathlib
import sys

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def problem(folder):
    """What is wrong with the model saved in `folder`, or None."""
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    inputs = {entry.name: np.load(folder / f"input_{i}.npy") for i, entry in enumerate(session.get_inputs())}
    for i, output in enumerate(session.run(None, inputs)):
        expected = np.load(folder / f"output_{i}.npy")
        if output.shape != expected.shape:
            return f"output {i} is {output.shape}, cnnc's is {expected.shape}"
        error = np.max(np.abs(output - expected)) if output.size else 0
        if not error <= 1e-4 * max(1, np.max(np.abs(output))):
            return f"output {i} differs by {error}"
    return None


def main():
    folders = sorted(pathlib.Path(sys.argv[1]).iterdir())
    problems = {folder.name: problem(folder) for folder in folders}
    for name, found in problems.items():
        print(f"{name}: {found or 'ok'}")
    sys.exit(1 if any(problems.values()) else 0)


if __name__ == "__main__":
    main()
