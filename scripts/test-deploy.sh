#!/usr/bin/env bash
# Tests what is in deploy/. The last line is 'deploy: N passed, M failed, K skipped'. Arguments are the files to run
# ('scripts/test-deploy.sh test_aws.py'); default: all in Tests/Deploy.
#
#   $BACKUPCTL_TEST_BINARY    the program; default: the debug build

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh deploy
. .build/tools/env
export BACKUPCTL_TEST_BINARY="${BACKUPCTL_TEST_BINARY:-$PWD/.build/debug/backupctl}"
export BACKUPCTL_TEST_MONGOD="${BACKUPCTL_TEST_MONGOD:-$MONGOD}"
[ -x "$BACKUPCTL_TEST_BINARY" ] || {
    printf "error: '%s' is not built\nhint: run 'swift build' first.\n" "$BACKUPCTL_TEST_BINARY" >&2
    exit 1
}
# What is on PATH goes before what set-up fetched.
export PATH="$PATH:$PWD/.build/tools"
# -I: neither this folder nor the user's packages come before what set-up installed.
exec "$PYTHON" -B -I -W ignore Tests/Deploy/run.py "$@"
