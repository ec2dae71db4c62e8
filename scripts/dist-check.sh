#!/usr/bin/env bash
# Whether what is given to others is the same when it is built twice: two clones of the last commit, in folders of other names and
# depths, each built from nothing by dist.sh as tar and as Debian package, one under another umask, time zone and language. All files
# that this leaves are compared byte by byte. Too slow for 'make test': two static builds from nothing, ten minutes each on two idle cores.
#
#   $BACKUPCTL_CHECK_FOLDER    where to build, some 3 GB; default: a folder below $TMPDIR, else /var/tmp. What differs is left there
#
# Both builds are of one machine: compiler, C libraries and the packages' versions (Package.resolved, where there is one) are the same.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset SOURCE_DATE_EPOCH
readonly parent="${BACKUPCTL_CHECK_FOLDER:-${TMPDIR:-/var/tmp}}"
mkdir -p "$parent"
scratch="$(realpath "$(mktemp -d "$parent/dist-check.XXXXXX")")"
readonly first="$scratch/a" second="$scratch/deeper/below/another-name"

say() { printf 'dist-check: %s\n' "$*" >&2; }

# Makes all there is to make in one clone. Further arguments are what to run it under.
build() {
    local folder="$1" what
    shift
    for what in tar deb; do
        say "building $what in $folder"
        (cd "$folder" && "$@" scripts/dist.sh "$what") >"$scratch/log" 2>&1 </dev/null || {
            tail -n 25 "$scratch/log" >&2
            say "the build failed: $scratch/log"
            exit 1
        }
    done
}

[ -z "$(git status --porcelain)" ] || say 'what is not committed is not in what is checked'
# Both at once: a commit that is made meanwhile is in neither.
git clone -q --no-local . "$first"
git clone -q --no-local "$first" "$second"
[ ! -e Package.resolved ] || cp Package.resolved "$first"
build "$first" env
# The second build takes the versions that the first one found.
[ ! -e "$first/Package.resolved" ] || cp "$first/Package.resolved" "$second"
build "$second" env TZ=Asia/Tokyo LANG=C.UTF-8 bash -c 'umask 077 && exec "$@"' -

# Nothing but equal is good: a build that left nothing is not.
(cd "$first/.build/dist" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$scratch/files"
for wanted in backupctl SHA256SUMS '.*\.tar\.gz' '.*\.deb'; do
    grep -q "  \./$wanted\$" "$scratch/files" || { say "the build left no '$wanted'"; exit 1; }
done
if ! diff -r "$first/.build/dist" "$second/.build/dist" >&2; then
    say "NOT reproducible: compare $first/.build/dist with $second/.build/dist"
    exit 1
fi
grep -v '/licences/' "$scratch/files"
echo "dist-check: $(wc -l <"$scratch/files") files are the same in both builds of $(git -C "$first" rev-parse --short HEAD)"
rm -rf "$scratch"
