"""Writes the ONNX backend test suite as folders, for the programs that run it.

    make_cases.py OUT

Makes OUT/CASE/{model.onnx,test_data_set_N/{input,output}_K.pb} and OUT/cases.txt with one line for each case: name, rtol,
atol, the operators and the types that it uses. The cases come from the installed onnx package and are made anew only when
its version has changed. Cases of whole networks are left out: tests/models has better ones.
"""
import pathlib
import shutil
import sys

SKIPPED = 77
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
    from onnx.backend.test import loader
except ImportError as error:
    print("skipped:", error)
    sys.exit(SKIPPED)


def graphs_in(nodes):
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def operators_in(nodes):
    found = {f"{node.domain}:{node.op_type}" for node in nodes}
    for graph in graphs_in(nodes):
        found |= operators_in(graph.node)
    return found


def operators(model):
    found = operators_in(model.graph.node)
    for function in model.functions:
        found |= operators_in(function.node)
    return found - {f"{function.domain}:{function.name}" for function in model.functions}


def type_name(info):
    kind = info.type.WhichOneof("value")
    return str(info.type.tensor_type.elem_type) if kind == "tensor_type" else str(kind)


def types(model):
    """Element types of everything that the model takes, gives or holds; the kind where it is no tensor."""
    graph = model.graph
    found = {type_name(info) for info in [*graph.input, *graph.output, *graph.value_info]}
    found |= {str(tensor.data_type) for tensor in graph.initializer}
    for node in graph.node:
        found |= {str(a.t.data_type) for a in node.attribute if a.HasField("t")}
    return found


def message(value, info):
    """The value as the protobuf message that lies in a test's files."""
    if isinstance(value, (onnx.TensorProto, onnx.SequenceProto, onnx.OptionalProto)):
        return value
    writers = {"sequence_type": numpy_helper.from_list, "map_type": numpy_helper.from_dict,
               "optional_type": numpy_helper.from_optional}
    kind = info.type.WhichOneof("value")
    return writers[kind](value, info.name) if kind in writers else numpy_helper.from_array(np.asarray(value), info.name)


def write_data(folder, values, infos, prefix):
    for number, (value, info) in enumerate(zip(values, infos)):
        (folder / f"{prefix}_{number}.pb").write_bytes(message(value, info).SerializeToString())


def write_case(case, folder):
    """Writes one case and returns its model."""
    if case.model_dir:
        shutil.copytree(case.model_dir, folder)
        return onnx.load(str(folder / "model.onnx"), load_external_data=False)
    folder.mkdir()
    onnx.save(case.model, str(folder / "model.onnx"))
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{number}"
        data.mkdir()
        write_data(data, inputs, case.model.graph.input, "input")
        write_data(data, outputs, case.model.graph.output, "output")
    return case.model


def main():
    out = pathlib.Path(sys.argv[1])
    stamp = out / "version"
    if stamp.exists() and stamp.read_text() == onnx.__version__:
        print("the cases of onnx", onnx.__version__, "are there")
        return
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    lines = []
    for case in [case for kind in KINDS for case in loader.load_model_tests(kind=kind)]:
        model = write_case(case, out / case.name)
        lines.append(f"{case.name} {case.rtol} {case.atol} "
                     f"{','.join(sorted(operators(model))) or '-'} {','.join(sorted(types(model))) or '-'}\n")
    (out / "cases.txt").write_text("".join(lines))
    stamp.write_text(onnx.__version__)
    print(len(lines), "cases of onnx", onnx.__version__)


if __name__ == "__main__":
    main()
