#!/usr/bin/env bash
# Collects the licences of all that is linked in: licences.sh CHECKOUTS FOLDER
#
# Our own, Swift's and those of every package in CHECKOUTS, where the build put them, go into FOLDER. A package without one is an
# error: what it asks for would not be given with the program.

set -euo pipefail
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# Where the folders are is said from where the caller is.
checkouts="$(cd "$OLDPWD" && cd "${1:?}" && pwd)" || fail "there are no packages in '$1'"
target="$(cd "$OLDPWD" && realpath -m "${2:?}")"
toolchain="$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")"
install -D -m 644 LICENSE "$target/backupctl/LICENSE"
install -D -m 644 "$toolchain/share/swift/LICENSE.txt" "$target/swift/LICENSE.txt"
# Yams has libyaml in it, and Swift's Foundation ICU with its data, without their licences. BoringSSL, in swift-crypto, has the one
# that swift-crypto has.
for name in libyaml icu; do install -D -m 644 "deploy/licences/$name/LICENSE" "$target/$name/LICENSE"; done
found=0
for folder in "$checkouts"/*/; do
    [ -d "$folder" ] || continue
    name="$(basename "$folder")"
    while IFS= read -r file; do
        install -D -m 644 "$folder/$file" "$target/$name/$file"
    done < <(cd "$folder" && find . -type f -not -path './.git/*' \( -name 'LICENSE*' -o -name 'NOTICE*' \) \
        -printf '%P\n' | sort)
    [ -d "$target/$name" ] || fail "package '$name' has no licence"
    found=$((found + 1))
done
[ "$found" -gt 0 ] || fail "there are no packages in '$1'"
