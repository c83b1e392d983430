"""Every operator takes the element types that ONNX's newest version allows its operands.

Compares `cnnc list ops --json` with the schemas of the installed onnx package. What is not taken stands in
types_not_taken.txt with the reason; a line there that is not needed any more is an error, so that the list only shrinks.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

try:
    from onnx import defs
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
BINARY_DIR = pathlib.Path(os.environ.get("CNNC_BINARY_DIR", HERE.parent.parent / "build"))
NAMES = {"float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16", "complex64": "c64", "complex128": "c128",
         "float4e2m1": "f4e2m1", "bool": "bool", "string": "string"}


def our_name(onnx_type):
    """"tensor(uint8)" as "u8"; None for sequences, maps and optional values."""
    if not onnx_type.startswith("tensor("):
        return None
    name = onnx_type[len("tensor("):-1]
    if name in NAMES:
        return NAMES[name]
    return name.replace("float", "f").replace("uint", "u").replace("int", "i")


def schema_of(op):
    try:
        return defs.get_schema(op["name"], op["domain"])
    except defs.SchemaError:
        return None  # of another domain than the package knows


def listed():
    lines = (HERE / "types_not_taken.txt").read_text().splitlines()
    return {line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()}


def not_taken():
    """"OPERATOR OPERAND TYPE" for each that is missing."""
    text = subprocess.run([BINARY_DIR / "bin" / "cnnc", "list", "ops", "--json"], check=True, stdout=subprocess.PIPE).stdout
    missing = set()
    for op in json.loads(text)["ops"]:
        schema = schema_of(op) if op["versions"] else None
        taken = {operand["name"]: set(operand["types"]) for operand in op["operands"]}
        for operand in schema.inputs if schema else []:
            if operand.name in taken:
                allowed = {our_name(t) for t in operand.types} - {None}
                missing |= {f"{op['name']} {operand.name} {t}" for t in allowed - taken[operand.name]}
    return missing


class TypesTest(unittest.TestCase):
    def test_only_what_is_listed_is_not_taken(self):
        self.assertEqual(listed(), not_taken())


if __name__ == "__main__":
    unittest.main()
