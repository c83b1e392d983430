#!/usr/bin/env bash
# Installs what cnnc needs on Debian 12: packages of the system, and a virtual environment in .deps. Does nothing, and
# asks no network, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/progress.sh

packages=(
  g++ cmake ninja-build ccache mold git python3 python3-venv
  llvm-19-dev llvm-19-tools liblld-19-dev zlib1g-dev libzstd-dev libpng-dev libjpeg62-turbo-dev
  libprotobuf-dev protobuf-compiler libgtest-dev libgmock-dev libbenchmark-dev
  libcli11-dev nlohmann-json3-dev libopenmpi-dev openmpi-bin
  clang-format-19
)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || echo "$package"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} = 0 ]; then
    say "system packages: all ${#packages[@]} are installed"
    return
  fi
  command -v apt-get > /dev/null || fail "this is no Debian system; install by hand: ${missing[*]}"
  [ "$(id -u)" = 0 ] || command -v sudo > /dev/null ||
    fail "cannot install packages without root or sudo; as root: apt-get install ${missing[*]}"
  [ "$(id -u)" = 0 ] || sudo -v  # asks for the password here, where it can be seen
  step "reading the package lists" as_root apt-get update
  step "installing ${#missing[@]} system packages: ${missing[*]}" \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

# The stamp is the list of what was installed, written last: a set-up that was interrupted starts again.
install_python_packages() {
  if cmp -s tools/requirements.txt .deps/installed; then
    say "python packages: all are in .deps"
    return
  fi
  rm -rf .deps
  step "making the virtual environment .deps" python3 -m venv .deps
  step "installing oneDNN, ONNX and the packages that tests compare with" \
    .deps/bin/pip install --disable-pip-version-check --no-deps -r tools/requirements.txt
  cp tools/requirements.txt .deps/installed
}

install_packages
install_python_packages
say "set-up is complete"
