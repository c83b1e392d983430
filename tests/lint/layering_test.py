"""Every #include points along the arrows of docs/architecture.md, and libraries stay in the files made for them."""
import re
import unittest
from pathlib import PurePosixPath

import source_tree

# What the files of a folder may include of ours. Folders that are not here may include everything.
LAYERS = {
    "runtime": {"runtime"},
    "ir": {"ir", "runtime"},
    "passes": {"passes", "ir", "runtime"},
    "frontend": {"frontend", "ir", "runtime"},
    "codegen": {"codegen", "passes", "ir", "runtime"},
    "model": {"model", "codegen", "passes", "frontend", "ir", "runtime"},
    "include": set(),
}
EVERYTHING = {"tools", "examples", "tests"}
# The public headers, in include/cnnc: declarations for everybody, which include nothing else of ours.
PUBLIC = "cnnc"
OURS = set(LAYERS) | EVERYTHING | {PUBLIC}

# Libraries, by how their headers begin, and the files that may include them. A header that does is private to its
# folder. Tests and benchmarks may include any.
LIBRARIES = {
    "LLVM": (r"(llvm|llvm-c|lld)/", r"codegen/llvm/[^/]+\.(cpp|h)"),
    "ONNX and protobuf": (r"(onnx|google/protobuf)/", r"frontend/onnx/[^/]+\.(cpp|h)"),
    "oneDNN": (r"(oneapi/dnnl/)?dnnl(_\w+)?\.h(pp)?$", r"(runtime/dnnl_\w+\.(cpp|h)|codegen/dnnl/[^/]+\.(cpp|h))"),
    "GoogleTest": (r"(gtest|gmock)/", r"tests/.*"),
}
FREE_OF_LIBRARY_RULES = re.compile(r"(tests|tools/bench)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(text):
    """Pairs (is_quoted, name) of a source's #include lines."""
    return [(quote == '"', name) for quote, name in INCLUDE.findall(text)]


def library_of(name):
    for library, (headers, _) in LIBRARIES.items():
        if re.match(headers, name):
            return library
    return None


def arrow_problem(path, quoted, name):
    """Why the layer of `path` may not include `name`, or None."""
    folder, target = path.parts[0], PurePosixPath(name).parts[0]
    if target == PUBLIC:
        return None
    if target in OURS and not quoted:
        return f'write "{name}" in quotes, it is ours'
    if quoted and target not in OURS and library_of(name) is None and folder not in EVERYTHING:
        return f'"{name}" is not written from the root of the repository'
    if target in OURS and target not in LAYERS.get(folder, OURS):
        return f"{folder} must not include {name}"
    return None


def library_problem(path, name):
    """Why `path` may not include a library's `name`, or None."""
    library = library_of(name)
    if library is None or FREE_OF_LIBRARY_RULES.match(str(path)):
        return None
    home = LIBRARIES[library][1]
    return None if re.fullmatch(home, str(path)) else f"{name} ({library}) belongs in {home} only"


def private_header_problem(path, name, library_headers):
    """Why `path` may not include our header `name`, or None: `library_headers` are ours that include a library."""
    if PurePosixPath(name) not in library_headers or FREE_OF_LIBRARY_RULES.match(str(path)):
        return None
    home = PurePosixPath(name).parent
    return None if path.parent == home else f"{name} includes a library and is private to {home}"


def problems(sources):
    """Everything wrong in `sources`, a dictionary from path to text."""
    found = {path: includes(text) for path, text in sources.items()}
    library_headers = {path for path, names in found.items()
                       if path.suffix == ".h" and any(library_of(name) for _, name in names)}
    result = []
    for path, names in found.items():
        for quoted, name in names:
            for problem in (arrow_problem(path, quoted, name), library_problem(path, name),
                            private_header_problem(path, name, library_headers)):
                if problem:
                    result.append(f"{path}: {problem}")
    return result


def check(path, text, others=None):
    sources = {path: text, **(others or {})}
    return problems({PurePosixPath(name): content for name, content in sources.items()})


class Rules(unittest.TestCase):
    def test_accepts_includes_along_the_arrows(self):
        self.assertEqual([], check("codegen/jit.cpp", '#include "passes/pass.h"\n#include <vector>\n'))
        self.assertEqual([], check("tools/cnnc.cpp", '#include "codegen/jit.h"\n#include "frontend/onnx/import.h"\n'))

    def test_rejects_each_arrow_that_points_back(self):
        for path, name in [("runtime/a.cpp", "ir/graph.h"), ("ir/ops/a.cpp", "passes/pass.h"),
                           ("passes/a.cpp", "codegen/jit.h"), ("frontend/onnx/a.cpp", "passes/pass.h"),
                           ("codegen/a.cpp", "frontend/onnx/import.h"), ("ir/a.h", "tools/a.h")]:
            self.assertEqual(1, len(check(path, f'#include "{name}"\n')), (path, name))

    def test_rejects_spellings_that_hide_a_layer(self):
        self.assertEqual(1, len(check("ir/a.cpp", "#include <passes/pass.h>\n")))
        self.assertEqual(1, len(check("ir/a.cpp", '#include "../passes/pass.h"\n')))
        self.assertEqual(1, len(check("ir/a.cpp", '#include "graph.h"\n')))

    def test_keeps_libraries_in_their_files(self):
        self.assertEqual([], check("codegen/llvm/loops.cpp", "#include <llvm/IR/IRBuilder.h>\n"))
        self.assertEqual(1, len(check("codegen/jit.cpp", "#include <llvm/IR/IRBuilder.h>\n")))
        self.assertEqual(1, len(check("ir/a.cpp", '#include "onnx/onnx_pb.h"\n')))
        self.assertEqual([], check("runtime/dnnl_steps.cpp", "#include <dnnl.h>\n"))
        self.assertEqual(1, len(check("runtime/program.cpp", "#include <dnnl_types.h>\n")))
        self.assertEqual([], check("codegen/a.cpp", '#include "runtime/dnnl_params.h"\n'))

    def test_keeps_private_headers_in_their_folder(self):
        header = {"codegen/llvm/builder.h": "#include <llvm/IR/IRBuilder.h>\n"}
        line = '#include "codegen/llvm/builder.h"\n'
        self.assertEqual([], check("codegen/llvm/a.cpp", line, others=header))
        self.assertEqual(1, len(check("codegen/a.cpp", line, others=header)))


class Tree(unittest.TestCase):
    def test_includes_follow_the_arrows(self):
        sources = {path: source_tree.text(path) or "" for path in source_tree.files()
                   if path.parts[0] in OURS and path.suffix in {".h", ".c", ".cpp"}}
        found = problems(sources)
        self.assertEqual([], found, "\n".join(["include arrows that point the wrong way:"] + found))


if __name__ == "__main__":
    unittest.main()
