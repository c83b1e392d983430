# Sourced by the scripts beside it: one line per step, with its time; its output only when it fails.

say() { printf '== %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step TITLE COMMAND...: runs it with its output in .cache, counting seconds on a terminal.
step() {
  local title=$1 log start=$SECONDS process status=0
  shift
  mkdir -p .cache
  log=$(mktemp .cache/step.XXXXXX)
  printf '== %s ...' "$title"
  "$@" > "$log" 2>&1 &
  process=$!
  if [ -t 1 ]; then
    while kill -0 "$process" 2> /dev/null; do
      printf '\r== %s ... %d s' "$title" $((SECONDS - start))
      sleep 0.2
    done
  fi
  wait "$process" || status=$?
  if [ -t 1 ]; then printf '\r== %s ...' "$title"; fi
  if [ "$status" != 0 ]; then
    printf ' failed after %d s\n' $((SECONDS - start))
    tail -n 60 "$log" >&2
    rm -f "$log"
    fail "failed: $*"
  fi
  printf ' done (%d s)\n' $((SECONDS - start))
  rm -f "$log"
}
