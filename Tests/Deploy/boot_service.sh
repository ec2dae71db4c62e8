#!/usr/bin/env bash
# Boots a Debian with systemd in systemd-nspawn, with the units as they are, and has the daemon make backups under their
# restrictions: boot_service.sh FOLDER MONGODB_URI [TOOLS]
#
#   FOLDER    a root file system with systemd, in which backupctl is installed; it is changed
#   TOOLS     a folder on this machine with mongodump, which is shown inside as /opt/tools
#
# Needs root and systemd-nspawn. The container has the network of this machine. Prints what happened; the exit status is
# 0 when every step did.

set -euo pipefail
folder="$(realpath "$1")" uri="$2" tools="${3:-}"

install -d -m 755 "$folder/opt/probe" "$folder/opt/tools"
printf '%s\n' "$uri" | install -D -m 600 /dev/stdin "$folder/opt/probe/uri"
printf '%s\n' "${tools:+with-tools}" >"$folder/opt/probe/mode"
cat >"$folder/opt/probe/run" <<'PROBE'
#!/bin/bash
set -u
failed=0
step() {
    local name="$1" output
    shift
    if output="$("$@" 2>&1)"; then echo "ok: $name"; else failed=1; printf 'FAILED: %s\n%s\n' "$name" "$output"; fi
}
as_service() { runuser -u backupctl -- backupctl --state-dir /var/lib/backupctl "$@"; }
property() { systemctl show --value --property "$2" "$1"; }
succeeded() { as_service history "$1" --limit 1 --json | tr -d ' \n' | grep -q '"state":"succeeded"'; }
soon() {
    for _ in $(seq 60); do "$@" && return; sleep 0.5; done
    as_service history; as_service log "${2:-}"; journalctl -q -n 20 -u 'backupctl*'
    return 1
}
has_word() { tr '\0' '\n' <"$1" | grep -q "$2"; }
in_sandbox() { grep -qE '^NoNewPrivs:\s+1' "/proc/$1/status" && grep -qE '^Seccomp:\s+2' "/proc/$1/status"; }

install -m 600 /opt/probe/uri /etc/backupctl/credentials/orders
step 'the service starts and says that it is ready' systemctl start backupctl.service
pid="$(property backupctl.service MainPID)"
step 'the daemon has no new privileges and a system call filter' in_sandbox "$pid"
step 'the daemon has no capability' grep -qE '^CapBnd:\s+0000000000000000$' "/proc/$pid/status"
credential=/run/credentials/backupctl.service/uri_orders
ls -l /run/credentials/backupctl.service
step 'a job is made with the credential' as_service job create orders --uri-file "$credential" --database shop \
    --engine builtin --schedule '@every 1h'
step 'the daemon takes a run' as_service run orders --detach
step 'the built-in engine succeeds under the restrictions' soon succeeded orders
if [ "$(cat /opt/probe/mode)" = with-tools ]; then
    step 'a job with mongodump is made' as_service job create tools --uri-file "$credential" --database shop \
        --engine mongodump --tools-dir /opt/tools
    step 'the daemon takes a run of it' as_service run tools --detach
    step 'mongodump under its keeper succeeds under the restrictions' soon succeeded tools
fi
step 'a run outside is no dead one to the daemon' as_service run orders
step 'a reload is survived' systemctl reload backupctl.service
step 'status says that all is well' as_service status
kill -9 "$pid"
restarted() { local now; now="$(property backupctl.service MainPID)"; [ "$now" -gt 0 ] && [ "$now" != "$pid" ]; }
step 'a daemon that was killed is started again' soon restarted
step 'it is active again' soon systemctl is-active --quiet backupctl.service
step 'the service stops' systemctl stop backupctl.service
step 'the stop was clean' test "$(property backupctl.service Result)" = success
step 'the timer variant starts' systemctl start backupctl-due.timer
step 'what is due is run without the daemon' systemctl start backupctl-due.service
step 'its end was clean' test "$(property backupctl-due.service Result)" = success
journalctl -q -b --no-pager -g 'audit|seccomp|SIGSYS|denied' | head -5
echo "steps-failed: $failed"
PROBE
chmod 755 "$folder/opt/probe/run"
cat >"$folder/etc/systemd/system/probe.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash -c '/opt/probe/run >/opt/probe/result 2>&1; systemctl --no-block poweroff'
[Install]
WantedBy=multi-user.target
UNIT
install -d "$folder/etc/systemd/system/multi-user.target.wants"
ln -sfn ../probe.service "$folder/etc/systemd/system/multi-user.target.wants/probe.service"
rm -f "$folder/opt/probe/result"

timeout 180 systemd-nspawn --quiet --directory="$folder" --boot --register=no --keep-unit --private-users=no \
    ${tools:+--bind-ro="$(realpath "$tools"):/opt/tools"} ${BACKUPCTL_TEST_BIND:+--bind-ro="$BACKUPCTL_TEST_BIND"} \
    </dev/null >"$folder/opt/probe/console" 2>&1 || echo 'the container did not end by itself'
rm -f "$folder/opt/probe/uri"
cat "$folder/opt/probe/result"
grep -q '^steps-failed: 0$' "$folder/opt/probe/result"
