"""Files stay small, name no machine, and promise nothing for later."""
import re
import unittest

import source_tree

MAX_BYTES = 1_000_000
MAX_LINES = 500
# Spelled in pieces, so that this file does not offend itself.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?:(?<![\w./])|(?<=-[IL]))/(?:wor" r"k|hom" r"e|roo" r"t|User" r"s|mn" r"t)/\w"),
    "the host of a package registry": re.compile(r"pypi\.o" r"rg|pythonhosted\.o" r"rg|deb\.debian\.o" r"rg"),
    "a note for later without an issue": re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b(?!\(#\d+\))"),
}


def forbidden(text):
    """Pairs (line number, what it has) of the lines that have something forbidden."""
    return [(number, what) for number, line in enumerate(text.splitlines(), 1)
            for what, pattern in FORBIDDEN.items() if pattern.search(line)]


class Rules(unittest.TestCase):
    def test_finds_machine_paths(self):
        self.assertEqual(1, len(forbidden("x = '/hom" "e/someone/x'")))
        self.assertEqual(1, len(forbidden("-I/wor" "k/x")))

    def test_allows_paths_that_all_systems_have(self):
        self.assertEqual([], forbidden("/usr/lib/llvm-19 and /lib64/ld-linux-x86-64.so.2 and docs/wor" "k/x"))

    def test_finds_notes_without_an_issue(self):
        self.assertEqual(1, len(forbidden("// TO" "DO: later")))
        self.assertEqual([], forbidden("// TO" "DO(#12): later"))


class Tree(unittest.TestCase):
    def expect_none(self, found):
        self.assertEqual([], found, "\n" + "\n".join(found))

    def test_no_file_is_over_one_megabyte(self):
        sizes = {path: (source_tree.ROOT / path).stat().st_size for path in source_tree.files()}
        self.expect_none([f"{path}: {size} bytes" for path, size in sizes.items() if size > MAX_BYTES])

    def test_no_source_is_over_500_lines(self):
        lines = {path: (source_tree.text(path) or "").count("\n")
                 for path in source_tree.files() if source_tree.is_code(path)}
        self.expect_none([f"{path}: {count} lines" for path, count in lines.items() if count > MAX_LINES])

    def test_no_file_has_anything_forbidden(self):
        self.expect_none([f"{path}:{number}: {what}" for path in source_tree.files()
                          for number, what in forbidden(source_tree.text(path) or "")])


if __name__ == "__main__":
    unittest.main()
