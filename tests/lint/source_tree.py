"""What the lint tests look at: the files of the project, tracked or about to be."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = {".h", ".c", ".cpp", ".py", ".sh", ".cmake"}


def files():
    """Paths relative to ROOT of all files that git tracks or would add."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True).stdout.decode().split("\0")
    return [pathlib.PurePosixPath(name) for name in listed if name and (ROOT / name).is_file()]


def is_code(path):
    return path.suffix in CODE or path.name == "CMakeLists.txt"


def text(path):
    """The file's text, or None where it is not text."""
    data = (ROOT / path).read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
