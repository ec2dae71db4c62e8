#!/usr/bin/env bash
# Installs or uninstalls the program with its manual pages, completions and units: install.sh install|uninstall
#
#   $BINARY      the program to install (install only)
#   $PREFIX      default: /usr/local. systemd reads units, sysusers.d and tmpfiles.d below it when it is that or /usr
#   $DESTDIR     put before every path, for packages
#   $ZSH_DIR     where zsh looks; default: PREFIX/share/zsh/site-functions
#
# Users, state and connection strings are nobody's to remove: 'uninstall' leaves them.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

prefix="${PREFIX:-/usr/local}"
[[ "$prefix" =~ ^/[A-Za-z0-9._/+-]*$ ]] || fail "cannot use '$prefix' as PREFIX" 'give an absolute path of plain characters.'
prefix="${prefix%/}"
readonly root="${DESTDIR:-}$prefix"
readonly units="$root/lib/systemd/system"
readonly share="$root/share"
readonly zsh="${DESTDIR:-}${ZSH_DIR:-$prefix/share/zsh/site-functions}"

install_all() {
    local unit shell
    [ -x "${BINARY:-}" ] || fail "cannot install '${BINARY:-}': it is no program" "run 'make build' first."
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
    # Everything that may fail comes before the first file is put in its place.
    python3 scripts/manpages.py "$BINARY" "$scratch/man"
    for shell in bash zsh fish; do "$BINARY" --generate-completion-script "$shell" >"$scratch/$shell"; done
    # It is read by a shell, not run.
    sed -i '1{/^#!/d}' "$scratch/bash"
    for unit in backupctl.service backupctl-due.service; do
        sed "s|=/usr/bin/backupctl |=$prefix/bin/backupctl |" "deploy/systemd/$unit" >"$scratch/$unit"
    done
    install -D -m 755 "$BINARY" "$root/bin/backupctl"
    install -D -m 644 -t "$units" "$scratch/backupctl.service" "$scratch/backupctl-due.service" \
        deploy/systemd/backupctl-due.timer
    install -D -m 644 deploy/systemd/backupctl.sysusers "$root/lib/sysusers.d/backupctl.conf"
    install -D -m 644 deploy/systemd/backupctl.tmpfiles "$root/lib/tmpfiles.d/backupctl.conf"
    install -D -m 644 -t "$share/man/man1" "$scratch"/man/*.1
    install -D -m 644 "$scratch/bash" "$share/bash-completion/completions/backupctl"
    install -D -m 644 "$scratch/zsh" "$zsh/_backupctl"
    install -D -m 644 "$scratch/fish" "$share/fish/vendor_completions.d/backupctl.fish"
}

uninstall_all() {
    rm -f "$root/bin/backupctl" "$units"/backupctl{.service,-due.service,-due.timer} \
        "$root"/lib/{sysusers,tmpfiles}.d/backupctl.conf "$share"/man/man1/backupctl{,-*}.1 \
        "$share/bash-completion/completions/backupctl" "$zsh/_backupctl" \
        "$share/fish/vendor_completions.d/backupctl.fish"
}

case "${1:-}" in
install) install_all ;;
uninstall) uninstall_all ;;
*) fail "cannot do '${1:-}'" "say 'install' or 'uninstall'." ;;
esac
