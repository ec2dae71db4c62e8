#!/usr/bin/env bash
# Makes what is given to others: dist.sh tar|deb
#
# The program is built with Swift's libraries linked in; the C libraries stay those of the system. Paths of this machine are mapped
# away, and times are $SOURCE_DATE_EPOCH, else the last commit's. What is left in the compiler's output of the folder and of chance (see
# 'settle') is kept out by a build that always sees this folder at one place, and without random addresses, where the system allows that.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022
export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH
readonly place=/usr/src/backupctl
# Where results are said to be. A scratch folder knows its path, so each place has one of its own.
readonly shown="${BACKUPCTL_DIST_SHOWN:-$PWD}"
if [ "$PWD" = "$place" ]; then scratch="$PWD/.build/settled"; else scratch="$PWD/.build/static"; fi
readonly out="$PWD/.build/dist" scratch
readonly stage="$out/stage"

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# Goes on in a mount namespace where this folder is at $place, with addresses that are not random. Swift 6.3 needs both: file names
# are mapped, but their lengths are not ('withoutActuallyEscaping'), and some of its choices follow the order of pointers.
settle() {
    local enter=(unshare --mount)
    [ -z "${BACKUPCTL_DIST_SHOWN:-}" ] || return 0
    export BACKUPCTL_DIST_SHOWN="$PWD"
    [ "$(id -u)" -eq 0 ] || enter=(unshare --user --map-root-user --mount)
    # shellcheck disable=SC2016
    enter+=(bash -euc 'mount -t tmpfs -o mode=755 none "$1" && mkdir "$2" && mount --bind "$PWD" "$2" && cd "$2" && shift 2 && exec "$@"'
        - "$(dirname "$place")" "$place" setarch --addr-no-randomize)
    if "${enter[@]}" true 2>/dev/null; then exec "${enter[@]}" scripts/dist.sh "$@"; fi
    echo 'note: namespaces are not allowed here, so the result may differ from that of another build' >&2
}

# A compiler whose memory looks the same each time, for some of its choices follow the order of pointers (seen: two moves exchanged). Its
# environment lies in memory before everything else, and the build adds to it numbers of one digit or ten. And headers of C that it
# finds compiled take other memory than those that it compiles itself: which module does that for all is a matter of chance, so each does
# it for itself.
settled_compiler() {
    local toolchain
    toolchain="$(swift -print-target-info | sed -n 's|.*"runtimeResourcePath": *"\(.*\)/lib/swift".*|\1|p')"
    [ -x "$toolchain/bin/swiftc" ] || fail "cannot tell where 'swiftc' is: looked in '$toolchain/bin'"
    mkdir -p "$scratch"
    cat >"$scratch/swiftc" <<EOF
#!/bin/sh
for word; do
    [ "\$last" != -output-file-map ] || cache="\${word%/*}/headers"
    last="\$word"
done
if [ -n "\$cache" ]; then
    rm -rf "\$cache"
    set -- "\$@" -module-cache-path "\$cache"
fi
exec env -i PATH=/usr/bin:/bin LC_ALL=C TZ=UTC0 "$toolchain/bin/swiftc" "\$@"
EOF
    chmod 755 "$scratch/swiftc"
    echo "$scratch/swiftc"
}

build() {
    local compiler
    compiler="$(settled_compiler)"
    SWIFT_EXEC="$compiler" swift build -c release --product backupctl --static-swift-stdlib --scratch-path "$scratch" \
        -Xswiftc -gnone -Xswiftc -file-prefix-map -Xswiftc "$PWD=." -Xcc "-ffile-prefix-map=$PWD=." -Xcc -g0
    rm -rf "$stage"
    mkdir -p "$stage"
    strip --strip-all -o "$out/backupctl" "$scratch/release/backupctl"
    ! ldd "$out/backupctl" | grep -q 'libswift\|libFoundation\|libdispatch' || fail 'Swift was not linked in'
    touch -d "@$SOURCE_DATE_EPOCH" "$out/backupctl"
    # Beside the program, since the container image takes both from there.
    rm -rf "$out/licences"
    scripts/licences.sh "$scratch/checkouts" "$out/licences"
    settle_times "$out/licences"
    version="$("$out/backupctl" --version | sed -n 1p)"
    [[ "$version" =~ ^[0-9][0-9.]*$ ]] || fail "the program says that its version is '$version'"
}

settle_times() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

make_tar() {
    local name
    name="backupctl-$version-linux-$(uname -m)"
    BINARY="$out/backupctl" PREFIX="/$name" DESTDIR="$stage" scripts/install.sh install
    # In the tar the units are as for /usr: where it is unpacked is not known.
    install -m 644 -t "$stage/$name/lib/systemd/system" deploy/systemd/*.service
    install -d "$stage/$name/share/doc/backupctl"
    cp -r "$out/licences" "$stage/$name/share/doc/backupctl/licences"
    install -m 644 -t "$stage/$name/share/doc/backupctl" README.md CHANGELOG.md
    settle_times "$stage/$name"
    tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=ustar \
        -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
    (cd "$out" && sha256sum "$name.tar.gz" >SHA256SUMS)
    echo "$shown/.build/dist/$name.tar.gz"
}

# What packages hold the libraries that the program is linked with, as Depends has them.
dependencies() {
    mkdir -p "$out/shlibs/debian"
    printf 'Source: backupctl\n\nPackage: backupctl\nArchitecture: any\n' >"$out/shlibs/debian/control"
    (cd "$out/shlibs" && dpkg-shlibdeps -O -e"$out/backupctl" 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
    rm -rf "$out/shlibs"
}

# Installed-Size as dpkg counts it, in KiB: files rounded up, and 1 for all else. What a folder takes is its file system's matter.
installed_size() {
    find "$1" -mindepth 1 -path "$1/DEBIAN" -prune -o -printf '%y %s\n' |
        awk '{ sum += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print sum }'
}

make_deb() {
    local root="$stage/deb" doc package needed
    doc="$root/usr/share/doc/backupctl"
    needed="$(dependencies)"
    [ -n "$needed" ] || fail "cannot tell which libraries are needed: is 'dpkg-dev' installed?"
    BINARY="$out/backupctl" PREFIX=/usr DESTDIR="$root" ZSH_DIR=/usr/share/zsh/vendor-completions \
        scripts/install.sh install
    find "$root/usr/share/man" -name '*.1' -exec gzip -9n {} +
    install -d "$doc" "$root/DEBIAN"
    install -m 644 deploy/debian/copyright "$doc/copyright"
    # One file: the licence that most of them have is not to be in 'copyright' again.
    (cd "$out/licences" && find . -type f | sort | while IFS= read -r file; do
        printf '==== %s ====\n\n' "${file#./}"
        cat "$file"
        printf '\n'
    done) | gzip -9n >"$doc/third-party.txt.gz"
    printf 'backupctl (%s-1) stable; urgency=medium\n\n  * See CHANGELOG.md of the source.\n\n -- %s  %s\n' "$version" \
        "$(sed -n 's/^Maintainer: //p' deploy/debian/control)" "$(date -R -d "@$SOURCE_DATE_EPOCH")" |
        gzip -9n >"$doc/changelog.Debian.gz"
    install -D -m 644 deploy/debian/lintian-overrides "$root/usr/share/lintian/overrides/backupctl"
    sed -e "s/@VERSION@/$version-1/" -e "s/@ARCH@/$(dpkg --print-architecture)/" -e "s/@DEPENDS@/$needed/" \
        -e "s/@SIZE@/$(installed_size "$root")/" deploy/debian/control >"$root/DEBIAN/control"
    install -m 755 -t "$root/DEBIAN" deploy/debian/{postinst,prerm,postrm}
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
    chmod 644 "$root/DEBIAN/md5sums" "$root/DEBIAN/control"
    settle_times "$root"
    package="backupctl_$version-1_$(dpkg --print-architecture).deb"
    dpkg-deb --root-owner-group -Zxz -z3 --build "$root" "$out/$package" >/dev/null
    echo "$shown/.build/dist/$package"
}

case "${1:-}" in
tar | deb) ;;
*) fail "cannot make '${1:-}': say 'tar' or 'deb'" ;;
esac
settle "$@"
build
"make_$1"
rm -rf "$stage"
