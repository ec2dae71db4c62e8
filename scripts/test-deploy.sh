#!/usr/bin/env bash
# Tests what is in deploy/: each part is a section below. The last line is 'deploy: N passed, M failed, K skipped'.
#
#   $BACKUPCTL_TEST_BINARY    the program; default: the debug build

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -e .build/tools/env ] || scripts/setup.sh
. .build/tools/env
export BACKUPCTL_TEST_BINARY="${BACKUPCTL_TEST_BINARY:-$PWD/.build/debug/backupctl}" PYTHONDONTWRITEBYTECODE=1
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# Runs a file of unittest and counts what it says of each test.
python_tests() {
    local status=0 bad
    "$PYTHON" -m unittest -v "$1" >"$log" 2>&1 || status=$?
    passed=$((passed + $(grep -c ' ok$' "$log" || true)))
    bad="$(grep -cE '^(FAIL|ERROR): ' "$log" || true)"
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    failed=$((failed + bad))
    skipped=$((skipped + $(grep -c ' skipped ' "$log" || true)))
    sed -n "s/^\(.*\) skipped '\(.*\)'/skipped: \1: \2/p" "$log"
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
}

# systemd, installation
python_tests Tests/Deploy/test_install.py

echo "deploy: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
