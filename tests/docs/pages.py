"""Reads the Markdown pages of the project: their fenced code blocks and links."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE_LINE = re.compile(r"^(?://|#|/\*) file: (\S+)")
EXPECTED = "# prints:"


class Block:
    """A fenced block: its language, its text, the line of the page it begins at."""

    def __init__(self, language, text, line):
        self.language, self.text, self.line = language, text, line
        name = FILE_LINE.match(text)
        self.file = name.group(1) if name else None

    def expected_lines(self):
        """What the comments after `# prints:` say, up to the next line that is no comment."""
        lines, inside = [], False
        for line in self.text.splitlines():
            if line == EXPECTED:
                inside = True
            elif inside and line.startswith("#"):
                lines.append(line[2:])
            else:
                inside = False
        return lines


def all_pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text):
    return [Block(match.group(1), match.group(2), text.count("\n", 0, match.start()) + 1) for match in FENCE.finditer(text)]


def links(text):
    """Files that a page links to; addresses elsewhere are not among them."""
    return [link for link in LINK.findall(FENCE.sub("", text)) if "://" not in link]


def matches(pattern, line):
    """Whether the line is the pattern, in which `...` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("..."))), line) is not None


def first_missing(expected, output):
    """The first expected line that the output does not have after the ones before it, or None."""
    lines = iter(output.splitlines())
    for pattern in expected:
        if not any(matches(pattern, line.rstrip()) for line in lines):
            return pattern
    return None
