#!/usr/bin/env bash
# What to run before every commit: format of the changed files, lint, build, fast tests. --fix formats them.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/progress.sh

# Changed since the branch left main, committed or not.
changed_sources() {
  local base
  base=$(git merge-base HEAD origin/main 2> /dev/null || git merge-base HEAD main 2> /dev/null || echo HEAD)
  { git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } |
    grep -E '\.(h|c|cpp)$' | sort -u || true
}

tools/setup.sh
mapfile -t sources < <(changed_sources)
if [ ${#sources[@]} -gt 0 ]; then
  if [ "${1:-}" = --fix ]; then
    clang-format-19 -i "${sources[@]}"
  else
    say "format of ${#sources[@]} changed files"
    clang-format-19 --dry-run -Werror "${sources[@]}" || fail "run tools/check.sh --fix"
  fi
fi
step "lint" python3 -m unittest discover -s tests/lint -p '*_test.py'
exec tools/test.sh --fast
