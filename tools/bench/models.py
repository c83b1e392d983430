"""The models that benchmarks run, as folders in the layout of ONNX's tests."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Weightless graphs and their recipes, kept beside the repository because of their size.
SHARED = ROOT.parent / "shared" / "models"

CLASSIFIERS = ["mlp_mnist", "keras_mnist_mlp", "lenet5", "cifar_cnn", "keras_cifar_cnn", "keras_mobilenet",
               "squeezenet1_1", "mobilenet_v3_small", "mobilenet_v2", "efficientnet_b0", "googlenet", "resnet18",
               "densenet121", "resnet50", "convnext_tiny", "vit_b_16"]


def prepare(zoo):
    """Makes the models that are missing in `zoo`, where ../shared has their recipes."""
    missing = [name for name in CLASSIFIERS if not (zoo / name / "test_data_set_0").exists()]
    graphs = [SHARED / "arch" / f"{name}.onnx" for name in missing]
    graphs = [graph for graph in graphs if graph.exists()]
    if graphs:
        subprocess.run([sys.executable, SHARED / "hydrate.py", zoo, *graphs], check=True, stdout=sys.stderr)
    if not (zoo / "ppocr_cls").exists() and (SHARED / "real.py").exists():
        subprocess.run([sys.executable, SHARED / "real.py", ROOT / ".cache" / "models", zoo, "ppocr_cls"],
                       check=False, stdout=sys.stderr)


def folders(given):
    """The test folders in or below the given ones; of none given, those of build/zoo."""
    if not given:
        zoo = ROOT / "build" / "zoo"
        prepare(zoo)
        names = [*CLASSIFIERS, "ppocr_cls"]
        return [zoo / name for name in names if (zoo / name / "model.onnx").exists()]
    found = []
    for folder in map(pathlib.Path, given):
        found += [folder] if (folder / "model.onnx").exists() else sorted(p.parent for p in folder.glob("*/model.onnx"))
    return found
