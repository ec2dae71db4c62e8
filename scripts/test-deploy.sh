#!/usr/bin/env bash
# Tests what is in deploy/. Each part adds its line at the end. Ends with: deploy: N passed, M failed, K skipped

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly python="$PWD/.build/tools/venv/bin/python"
passed=0 failed=0 skipped=0
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# A file of unittest. One that does not get to its summary is one failure.
python_part() {
    local file="$1" ran bad gone
    "$python" -W ignore "$file" -v >"$log" 2>&1 </dev/null
    local status=$?
    ran="$(sed -nE 's/^Ran ([0-9]+) tests? in .*/\1/p' "$log" | tail -n 1)"
    if [ -z "$ran" ] || [ "$ran" -eq 0 ]; then
        tail -n 15 "$log"
        echo "error: '$file' did not run to its end"
        failed=$((failed + 1))
        return
    fi
    bad="$(grep -cE '^(FAIL|ERROR): ' "$log")"
    gone="$(grep -cE " \.\.\. skipped " "$log")"
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$bad" -eq 0 ] || sed -n '/^======/,$p' "$log" | tail -n 60
    sed -nE "s/^(test_[a-z_]+) .* \.\.\. skipped (.*)/skipped: \1: \2/p" "$log"
    passed=$((passed + (ran > bad + gone ? ran - bad - gone : 0))) failed=$((failed + bad)) skipped=$((skipped + gone))
}

python_part Tests/Deploy/test_aws.py
python_part Tests/Deploy/test_kubernetes.py

echo "deploy: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
