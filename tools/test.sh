#!/usr/bin/env bash
# Sets up, builds and runs every test, and ends with one line: N passed, N failed, N skipped.
#
#   tools/test.sh [--fast] [--only=FOLDER,...] [--sanitize=address,undefined|thread] [CTEST ARGUMENTS]
#
# --fast leaves out the tests of whole models, --only builds and runs the GoogleTest programs of some folders of tests/.
# A sanitizer builds in a folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/progress.sh

build=build
configure=()
select=()
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --fast) select+=(-LE slow) ;;
    --only=*)
      folders=${1#--only=}
      for folder in ${folders//,/ }; do targets+=(--target "${folder}_tests"); done
      select+=(-R "^(${folders//,/|})/")
      ;;
    --sanitize=*)
      build=build-${1#--sanitize=}
      build=${build//,/-}
      configure+=("-DCNNC_SANITIZE=${1#--sanitize=}")
      ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) break ;;
  esac
  shift
done

tools/setup.sh
say "configuring $build"
cmake -S . -B "$build" -G Ninja --log-level=WARNING "${configure[@]}" > /dev/null ||
  fail "configuring $build failed, no test ran"
say "building $build"
cmake --build "$build" -j "$(nproc)" "${targets[@]}" || fail "building $build failed, no test ran"
say "testing"
status=0
ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --output-junit junit.xml \
  "${select[@]}" "$@" || status=$?
python3 tools/summarise_tests.py "$build/junit.xml" "$status"
