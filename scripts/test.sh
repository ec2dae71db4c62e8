#!/usr/bin/env bash
# Lints, builds with the import check and runs the tests; 'make test' calls it after the set-up. The exit status is that
# of the first step that failed. Arguments go to 'swift test' ('scripts/test.sh --filter Cron').
#
#   $BACKUPCTL_TEST_TOOLS    a folder with mongodump and mongorestore; else those on PATH. Without them the tests that
#                            need the real tools are skipped, and the last lines say so.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# The folder with both tools, or nothing.
find_tools() {
    local dump folder
    if [ -n "${BACKUPCTL_TEST_TOOLS:-}" ]; then
        folder="$BACKUPCTL_TEST_TOOLS"
        [ -x "$folder/mongodump" ] && [ -x "$folder/mongorestore" ] ||
            fail "BACKUPCTL_TEST_TOOLS is '$folder', which lacks 'mongodump' or 'mongorestore'"
    else
        dump="$(command -v mongodump)" || return 0
        folder="$(dirname "$dump")"
        [ -x "$folder/mongorestore" ] || return 0
    fi
    (cd "$folder" && pwd)
}

# Takes the skipped tests from Swift Testing's own lines and prints them by the reason.
list_skipped() {
    local reason='s/^[^ ]* *Test \(.*\) skipped: "\(.*\)"$/\2\t\1/p'
    local none='s/^[^ ]* *Test \(.*\) skipped\.$/no reason given\t\1/p'
    sed -n -e "$reason" -e "$none" "$1" | sort | awk -F '\t' '
        { count[$1]++; names[$1] = names[$1] (count[$1] > 1 ? ", " : "") $2 }
        END {
            if (NR == 0) print "Skipped: none."
            else printf "Skipped: %d of the above, because:\n", NR
            for (reason in count) printf "  %s (%d): %s\n", reason, count[reason], names[reason]
        }'
}

[ -e .build/tools/env ] || scripts/setup.sh
. .build/tools/env
tools="$(find_tools)"
[ -n "$tools" ] || echo 'mongodump and mongorestore were not found on PATH: tests against the real tools are skipped.'

# XCTest is off below, so a test written with it would silently never run.
! grep -rln --include='*.swift' 'import XCTest' Tests || fail 'tests are written with Swift Testing, not with XCTest'

make --no-print-directory lint
swift build --build-tests --explicit-target-dependency-import-check error

BACKUPCTL_TEST_BINARY="$(swift build --show-bin-path)/backupctl"
[ -x "$BACKUPCTL_TEST_BINARY" ] || fail "the build made no '$BACKUPCTL_TEST_BINARY'"
export BACKUPCTL_TEST_BINARY BACKUPCTL_TEST_MONGOD="$MONGOD" BACKUPCTL_TEST_PYTHON="$PYTHON"
if [ -n "$tools" ]; then export BACKUPCTL_TEST_TOOLS="$tools"; else unset BACKUPCTL_TEST_TOOLS; fi

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
status=0

# Runs some of the tests in a process of their own; fails when none ran to the end.
run_tests() {
    local part
    part="$(mktemp)"
    swift test --skip-build --disable-xctest "$@" 2>&1 </dev/null | tee "$part" || status=$?
    grep -qE 'Test run with [1-9][0-9]* tests?' "$part" || {
        echo 'error: no test ran, or not to the end' >&2
        [ "$status" -ne 0 ] || status=1
    }
    cat "$part" >>"$log"
    rm -f "$part"
}

if [ $# -gt 0 ]; then
    run_tests "$@"
else
    # Swift Testing waits for the processes of its exit tests by looking at any child, and goes round in circles over one
    # that is not its own: so the tests that start servers run apart from those that are exit tests.
    run_tests --skip BackupEnginesTests --skip IntegrationTests
    run_tests --filter BackupEnginesTests --filter IntegrationTests
fi
list_skipped "$log"
deploy_passed=0 deploy_failed=0 deploy_skipped=0
if [ $# -eq 0 ]; then
    part="$(mktemp)"
    scripts/test-deploy.sh 2>&1 </dev/null | tee "$part" || status=1
    # Its last line; without one, it did not run to its end.
    read -r deploy_passed deploy_failed deploy_skipped < <(
        sed -nE '$s/^deploy: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$part") || {
        echo "error: the tests of deploy/ did not run to the end" >&2
        deploy_passed=0 deploy_failed=1 deploy_skipped=0 status=1
    }
    rm -f "$part"
fi
# The closing line counts what each of the runs says of itself.
# Only lines about a whole test: not 'Test case passing ...', nor 'Test run with ...'.
name='^[^ ]* *Test [A-Za-z_0-9]+\([^)]*\) '
failed="$(grep -cE "$name(.* )?failed after " "$log" || true)"
skipped="$(grep -cE "${name}skipped" "$log" || true)"
total="$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')"
passed=$((total - failed - skipped + deploy_passed))
failed=$((failed + deploy_failed))
skipped=$((skipped + deploy_skipped))
[ "$failed" -eq 0 ] || [ "$status" -ne 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
