"""Prints what a run of ctest came to in one line: N passed, N failed, N skipped.

    summarise_tests.py JUNIT_FILE CTEST_STATUS

Exits with 0 when tests ran and none failed, else with ctest's status or 1.
"""
import sys
import xml.etree.ElementTree as ElementTree


def main(report, ctest_status):
    suite = ElementTree.parse(report).getroot()
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "skipped", "disabled")}
    skipped = counts["skipped"] + counts["disabled"]
    passed = counts["tests"] - counts["failures"] - skipped
    for case in suite.iter("testcase"):
        if case.get("status") == "fail":
            print(f"FAILED {case.get('name')}")
    print(f"{passed} passed, {counts['failures']} failed, {skipped} skipped")
    if passed == 0 or counts["failures"] or ctest_status:
        return ctest_status or 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
