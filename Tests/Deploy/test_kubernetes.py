"""The overlays as kustomize builds them: against the schemas of Kubernetes, and read for what they must have."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BACKUPCTL_TEST_KUBERNETES", ROOT / "deploy/kubernetes"))
BINARY = os.environ["BACKUPCTL_TEST_BINARY"]
OVERLAYS = ("daemon", "cronjob", "monitoring", "cronjob-monitoring")
SCHEMAS = "1.32"
TOOLS = (["kustomize", "build"], ["kubectl", "kustomize"])


def build(overlay, folder=FOLDER):
    tool = next((tool for tool in TOOLS if shutil.which(tool[0])), None)
    if tool is None:
        raise unittest.SkipTest("neither kustomize nor kubectl is here")
    done = subprocess.run([*tool, str(folder / "overlays" / overlay)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr[-2000:])
    return list(yaml.safe_load_all(done.stdout))


def maps(pod):
    """The names of the ConfigMaps that a pod asks for, each time it does."""
    for container in pod["initContainers"] + pod["containers"]:
        yield from (entry["configMapRef"]["name"] for entry in container["envFrom"])
    yield from (volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume)


def minutes(text):
    """What '1d2h3m' is in minutes: promtool writes '27h' as '1d3h'."""
    return sum(int(number) * {"d": 1440, "h": 60, "m": 1}[unit] for number, unit in re.findall(r"(\d+)([dhm])", text))


class Overlays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.built = {overlay: build(overlay) for overlay in OVERLAYS}

    def one(self, overlay, kind, built=None):
        found = [object for object in (built or self.built)[overlay] if object["kind"] == kind]
        self.assertEqual(len(found), 1, f"{kind} in {overlay}")
        return found[0]

    def pods(self, built=None):
        yield "daemon", self.one("daemon", "StatefulSet", built)["spec"]["template"]["spec"]
        yield "cronjob", self.one("cronjob", "CronJob", built)["spec"]["jobTemplate"]["spec"]["template"]["spec"]

    def copy(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        return Path(shutil.copytree(FOLDER, Path(scratch.name) / "deploy/kubernetes"))

    def test_schemas(self):
        checked = 0
        for overlay, objects in self.built.items():
            for object in objects:
                # Kinds of the Prometheus operator are not in Kubernetes's schemas.
                if object["apiVersion"].startswith("monitoring.coreos.com/"):
                    continue
                with self.subTest(overlay=overlay, kind=object["kind"]):
                    kubernetes_validate.validate(object, SCHEMAS, strict=True)
                checked += 1
        self.assertGreater(checked, 12)

    def test_no_secret_is_written_here(self):
        for objects in self.built.values():
            self.assertFalse([object for object in objects if object["kind"] == "Secret"])
        for overlay, pod in self.pods():
            for container in pod["initContainers"] + pod["containers"]:
                self.assertFalse([
                    entry for entry in container["env"] if "valueFrom" in entry or re.search("URI|TOKEN|PASSWORD", entry["name"])])
                self.assertIn(
                    {"name": "secrets", "mountPath": "/run/secrets/backupctl", "readOnly": True}, container["volumeMounts"])
            volume = next(volume for volume in pod["volumes"] if volume["name"] == "secrets")
            self.assertEqual(volume["secret"], {"secretName": "backupctl", "defaultMode": 0o400})
            # What the kubelet makes of them then, root's with mode 0440, is taken only by a group's member.
            self.assertEqual(pod["securityContext"]["fsGroup"], pod["securityContext"]["runAsGroup"], overlay)
        self.assertNotRegex(str(self.built), r"mongodb(\+srv)?://")

    def test_restricted(self):
        labels = yaml.safe_load((FOLDER / "base/namespace.yaml").read_text())["metadata"]["labels"]
        self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "restricted")
        for overlay, pod in self.pods():
            self.assertFalse(pod["automountServiceAccountToken"], overlay)
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(pod), overlay)
            context = pod["securityContext"]
            self.assertTrue(context["runAsNonRoot"], overlay)
            self.assertNotEqual(context["runAsUser"], 0, overlay)
            self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"}, overlay)
            self.assertLessEqual(
                {kind for volume in pod["volumes"] for kind in volume if kind != "name"},
                {"emptyDir", "configMap", "persistentVolumeClaim", "secret"}, overlay)
            for container in pod["initContainers"] + pod["containers"]:
                self.assertEqual(container["securityContext"], {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]}}, (overlay, container["name"]))

    def test_deleting_an_overlay_deletes_no_backup(self):
        """'kubectl delete -k' deletes what an overlay builds, and with a namespace all that is in it."""
        for overlay, objects in self.built.items():
            self.assertFalse({"Namespace", "PersistentVolumeClaim", "Secret"} & {object["kind"] for object in objects}, overlay)
        spec = self.one("daemon", "StatefulSet")["spec"]
        self.assertEqual(spec["persistentVolumeClaimRetentionPolicy"], {"whenDeleted": "Retain", "whenScaled": "Retain"})
        # Both overlays have the same volume: who goes from one to the other keeps the backups.
        claim = yaml.safe_load((FOLDER / "overlays/cronjob/claim.yaml").read_text())
        name = f'{spec["volumeClaimTemplates"][0]["metadata"]["name"]}-{self.one("daemon", "StatefulSet")["metadata"]["name"]}-0'
        self.assertEqual(claim["metadata"], {"name": name, "namespace": "backupctl"})
        self.assertEqual(claim["spec"], spec["volumeClaimTemplates"][0]["spec"])
        kubernetes_validate.validate(claim, SCHEMAS, strict=True)
        pod = self.one("cronjob", "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        volume = next(volume for volume in pod["volumes"] if volume["name"] == "state")
        self.assertEqual(volume["persistentVolumeClaim"], {"claimName": name})

    def test_one_daemon_with_probes_and_time_to_stop(self):
        spec = self.one("daemon", "StatefulSet")["spec"]
        self.assertEqual(spec["replicas"], 1)
        self.assertEqual(spec["volumeClaimTemplates"][0]["spec"]["accessModes"], ["ReadWriteOncePod"])
        pod = spec["template"]["spec"]
        self.assertGreater(pod["terminationGracePeriodSeconds"], 30)
        daemon = pod["containers"][0]
        self.assertEqual(
            {probe: daemon.get(probe, {}).get("httpGet", {}).get("path")
             for probe in ("startupProbe", "livenessProbe", "readinessProbe")},
            {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"})
        self.assertIn("--token-file=/run/secrets/backupctl/metrics-token", daemon["args"])
        self.assertEqual(daemon["command"], ["backupctl", "daemon"], "no shell in between: signals have to reach it")

    def test_cron_job_is_never_two(self):
        spec = self.one("cronjob", "CronJob")["spec"]
        self.assertEqual(spec["concurrencyPolicy"], "Forbid")
        pod = spec["jobTemplate"]["spec"]["template"]["spec"]
        self.assertEqual(pod["containers"][0]["command"], ["backupctl", "run", "--due"])
        self.assertEqual(pod["restartPolicy"], "Never")

    def test_a_pod_that_hangs_does_not_keep_all_others_away(self):
        spec = self.one("cronjob", "CronJob")["spec"]
        deadline = spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        timeout = re.fullmatch(r"(\d+)h", self.one("cronjob", "ConfigMap")["data"]["TIMEOUT"])
        self.assertGreaterEqual(deadline, (int(timeout[1]) + 2) * 3600, "the run's own limit has to come first")
        minutes = re.fullmatch(r"\*/(\d+) \* \* \* \*", spec["schedule"])
        rules = {rule["alert"]: rule for rule in self.rules("cronjob-monitoring")}
        limit = re.search(r"> (\d+) \* 3600$", rules["BackupctlCronJobStuck"]["expr"])
        self.assertGreater(int(limit[1]) * 3600, deadline + 2 * int(minutes[1]) * 60)

    def test_a_change_of_the_job_is_a_change_of_the_pods(self):
        before = {overlay: list(maps(pod)) for overlay, pod in self.pods()}
        for overlay, names in before.items():
            self.assertEqual(names, [self.one(overlay, "ConfigMap")["metadata"]["name"]] * 3, overlay)
        for name, old, new in (("job.env", "SCHEDULE=30 2", "SCHEDULE=31 2"), ("job.sh", "set -eu", "set -e -u")):
            with self.subTest(name):
                folder = self.copy()
                text = (folder / "base" / name).read_text()
                self.assertIn(old, text)
                (folder / "base" / name).write_text(text.replace(old, new))
                changed = {overlay: build(overlay, folder) for overlay in before}
                for overlay, pod in self.pods(changed):
                    wanted = self.one(overlay, "ConfigMap", changed)["metadata"]["name"]
                    self.assertNotIn(wanted, before[overlay])
                    self.assertEqual(list(maps(pod)), [wanted] * 3, overlay)

    def test_an_overlay_as_the_readme_has_it(self):
        text = (ROOT / "deploy/README.md").read_text().partition("## Kubernetes")[2]
        overlay = re.search(r"```yaml\n# mine/kustomization.yaml\n(.*?)```", text, re.DOTALL)[1]
        folder = self.copy()
        mine = folder / "overlays/mine"
        mine.mkdir()
        self.assertIn("[../deploy/kubernetes/overlays/daemon]", overlay)
        (mine / "kustomization.yaml").write_text(overlay.replace("../deploy/kubernetes/overlays/daemon", "../daemon"))
        built = {"mine": build("mine", folder)}
        map, pod = self.one("mine", "ConfigMap", built), self.one("mine", "StatefulSet", built)["spec"]["template"]["spec"]
        self.assertNotEqual(map["metadata"]["name"], self.one("daemon", "ConfigMap")["metadata"]["name"])
        self.assertEqual(list(maps(pod)), [map["metadata"]["name"]] * 3)
        old = self.one("daemon", "ConfigMap")["data"]
        differs = {key for key in map["data"] if map["data"][key] != old.get(key)}
        self.assertEqual(differs, {"MONGODB_DATABASE", "SCHEDULE"})
        self.assertLess(set(old) - differs, set(map["data"]))
        for container in pod["initContainers"] + pod["containers"]:
            self.assertEqual(container["image"], "registry.internal/backupctl:1.0.0")
        policy, usual = self.one("mine", "NetworkPolicy", built)["spec"], self.one("daemon", "NetworkPolicy")["spec"]
        self.assertNotEqual(policy["egress"][1]["to"], usual["egress"][1]["to"])
        self.assertEqual(policy["egress"][0], usual["egress"][0])
        sources = [rule["from"] for rule in policy["ingress"]]
        self.assertEqual(sources, [[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}]])
        claim = self.one("mine", "StatefulSet", built)["spec"]["volumeClaimTemplates"][0]["spec"]
        self.assertEqual(claim["resources"]["requests"]["storage"], "200Gi")

    def test_the_script_makes_the_job_and_then_changes_it(self):
        data = self.one("daemon", "ConfigMap")["data"]
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            uri = folder / "uri"
            uri.write_text("mongodb://db.example/\n")
            uri.chmod(0o600)
            (folder / "backupctl").symlink_to(BINARY)
            self.assertIn("/run/secrets/backupctl/uri", data["job.sh"])
            script = data["job.sh"].replace("/run/secrets/backupctl/uri", str(uri))
            variables = {key: value for key, value in data.items() if key != "job.sh"}
            variables |= {"PATH": f"{folder}:{os.environ['PATH']}", "BACKUPCTL_STATE_DIR": str(folder / "state")}

            def said(*command, **changed):
                done = subprocess.run(
                    [*command], env=variables | changed, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                return done.stdout

            for changed, schedule in (({}, "30 2 * * *"), ({"SCHEDULE": "15 1 * * *"}, "15 1 * * *")):
                said("/bin/sh", "-c", script, **changed)
                job = json.loads(said("backupctl", "job", "show", "main", "--json"))
                self.assertEqual((job["schedule"], job["timeout"], job["timeZone"]), (schedule, 6 * 3600, "UTC"))

    def test_network(self):
        for overlay in OVERLAYS:
            policy = self.one(overlay, "NetworkPolicy")["spec"]
            self.assertEqual(set(policy["policyTypes"]), {"Ingress", "Egress"})
            for rule in policy["ingress"]:
                self.assertTrue(rule["from"] and all("namespaceSelector" in peer for peer in rule["from"]))
            ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
            self.assertEqual(ports, {53, 27015})
            for rule in policy["egress"]:
                for peer in rule["to"]:
                    self.assertNotEqual(peer.get("ipBlock", {}).get("cidr"), "0.0.0.0/0")
        for overlay, kind in (("daemon", "StatefulSet"), ("cronjob", "CronJob")):
            spec = self.one(overlay, kind)["spec"]
            template = spec["template"] if kind == "StatefulSet" else spec["jobTemplate"]["spec"]["template"]
            selected = self.one(overlay, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
            self.assertLessEqual(selected.items(), template["metadata"]["labels"].items())

    def test_the_readme_says_where_prometheus_has_to_be(self):
        rules = self.one("monitoring", "NetworkPolicy")["spec"]["ingress"]
        self.assertEqual([rule["ports"] for rule in rules], [[{"protocol": "TCP", "port": 8484}]])
        named = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rules[0]["from"]]
        said = re.findall(r"\*\*Prometheus must run in the namespace `([^`]+)`\*\*", (ROOT / "deploy/README.md").read_text())
        self.assertEqual(said, named)

    def test_monitor_finds_the_service(self):
        monitor = self.one("monitoring", "ServiceMonitor")["spec"]
        service = self.one("monitoring", "Service")
        self.assertLessEqual(
            monitor["selector"]["matchLabels"].items(), service["metadata"]["labels"].items())
        endpoint = monitor["endpoints"][0]
        self.assertIn(endpoint["port"], [port["name"] for port in service["spec"]["ports"]])
        self.assertTrue(endpoint["honorLabels"], "'job' would be the target's")
        self.assertEqual(endpoint["authorization"]["credentials"]["key"], "metrics-token")

    def rules(self, overlay):
        return self.one(overlay, "PrometheusRule")["spec"]["groups"][0]["rules"]

    def test_alerts_ask_for_metrics_that_there_are(self):
        asked = {name for rule in self.rules("monitoring") for name in re.findall(r"\bbackupctl_[a-z_]+", rule["expr"])}
        self.assertEqual(asked, {
            "backupctl_ready", "backupctl_job_last_run_state", "backupctl_job_stale", "backupctl_job_schedule_broken"})
        written = (ROOT / "Sources/BackupDaemon/MetricsPage.swift").read_text()
        for name in asked:
            parts = (name, name.removeprefix("backupctl_job_last_success_"), name.removeprefix("backupctl_job_"))
            self.assertTrue(any(f'"{part}"' in written for part in parts), name)

    def test_alerts_on_the_cron_job_are_on_this_one(self):
        named = self.one("cronjob-monitoring", "CronJob")["metadata"]
        for rule in self.rules("cronjob-monitoring"):
            for selector in re.findall(r"kube_\w+(\{[^}]*\})", rule["expr"]):
                self.assertIn(f'namespace="{named["namespace"]}"', selector)
                self.assertRegex(selector, f'cronjob="{named["name"]}"|job_name=~"{named["name"]}-\\[0-9\\]\\+"')
            # None of the daemon's: it has no metrics without one.
            self.assertNotRegex(rule["expr"], r"backupctl_\w")


@unittest.skipUnless(shutil.which("promtool"), "no 'promtool' here")
class Alerts(unittest.TestCase):
    """Prometheus's own program says what each rule makes of figures like those that the daemon and kube-state-metrics give."""

    @classmethod
    def setUpClass(cls):
        cls.groups = {overlay: next(
            one for one in build(overlay) if one["kind"] == "PrometheusRule")["spec"]["groups"]
            for overlay in ("monitoring", "cronjob-monitoring")}

    def promtool(self, *words):
        return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=60)

    def firing(self, overlay, series, at):
        """The names of the alerts that fire at these times."""
        names = [rule["alert"] for group in self.groups[overlay] for rule in group["rules"]]
        with tempfile.TemporaryDirectory() as scratch:
            rules, test = Path(scratch) / "rules.yaml", Path(scratch) / "test.yaml"
            rules.write_text(yaml.safe_dump({"groups": self.groups[overlay]}))
            # It compares only: it is told that nothing fires, and what it complains about does.
            test.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [{
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [
                    {"eval_time": time, "alertname": name, "exp_alerts": []} for time in at for name in names]}]}))
            done = self.promtool("test", "rules", test)
        said = done.stdout + done.stderr
        complaints = [(name, minutes(time)) for name, time in re.findall(r"alertname: ?(\w+), time: ?(\w+)", said)]
        found = {time: {name for name, then in complaints if then == minutes(time)} for time in at}
        self.assertEqual(done.returncode != 0, any(found.values()), said)
        return found

    def test_syntax(self):
        for overlay, groups in self.groups.items():
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as rules:
                yaml.safe_dump({"groups": groups}, rules)
                rules.flush()
                done = self.promtool("check", "rules", "--lint-fatal", rules.name)
            self.assertEqual(done.returncode, 0, overlay + done.stdout + done.stderr)

    def test_the_cron_job(self):
        this = '{namespace="backupctl", cronjob="backupctl"}'
        usual = {
            f"kube_cronjob_info{this}": "1x3000", f"kube_cronjob_created{this}": "0x3000",
            f"kube_cronjob_spec_suspend{this}": "0x3000"}
        ended = {f"kube_cronjob_status_last_successful_time{this}": "0x3000"}
        # A pod may take eight hours, and the next one is to end well.
        self.assertEqual(self.firing("cronjob-monitoring", usual | ended, ["30m", "8h45m", "9h10m"]), {
            "30m": set(), "8h45m": set(), "9h10m": {"BackupctlCronJobStuck"}})
        # Each quarter of an hour one ends well.
        ended = {f"kube_cronjob_status_last_successful_time{this}": "0+60x3000"}
        self.assertEqual(self.firing("cronjob-monitoring", usual | ended, ["9h10m", "48h"]), {"9h10m": set(), "48h": set()})
        self.assertEqual(self.firing("cronjob-monitoring", usual, ["8h45m", "9h10m"]), {
            "8h45m": set(), "9h10m": {"BackupctlCronJobStuck"}})
        suspended = usual | ended | {f"kube_cronjob_spec_suspend{this}": "1x3000"}
        self.assertEqual(self.firing("cronjob-monitoring", suspended, ["30m", "65m"]), {
            "30m": set(), "65m": {"BackupctlCronJobSuspended"}})

    def test_a_cron_job_that_is_not_there(self):
        others = '{namespace="other", cronjob="backupctl"}'
        series = {f"kube_cronjob_info{others}": "1x3000", f"kube_cronjob_created{others}": "0x3000"}
        self.assertEqual(self.firing("cronjob-monitoring", series, ["10m", "20m", "10h"]), {
            "10m": set(), "20m": {"BackupctlCronJobGone"}, "10h": {"BackupctlCronJobGone"}})

    def test_a_job_that_failed(self):
        this = '{namespace="backupctl", cronjob="backupctl"}'
        usual = {f"kube_cronjob_info{this}": "1x3000", f"kube_cronjob_status_last_successful_time{this}": "0+60x3000"}

        def job(name, condition):
            return {
                f'kube_job_failed{{namespace="backupctl", job_name="{name}", condition="{condition}"}}': "1x3000",
                f'kube_job_status_start_time{{namespace="backupctl", job_name="{name}"}}': "0x3000"}

        self.assertEqual(self.firing("cronjob-monitoring", usual | job("backupctl-29401234", "true"), ["1h", "23h", "25h"]), {
            "1h": {"BackupctlCronJobFailed"}, "23h": {"BackupctlCronJobFailed"}, "25h": set()})
        for name, condition in (("backupctl-29401234", "false"), ("backupctl-by-hand", "true")):
            self.assertEqual(self.firing("cronjob-monitoring", usual | job(name, condition), ["1h"]), {"1h": set()})

    def test_the_daemon(self):
        usual = {"backupctl_ready": "1x3000"}
        good = {f'backupctl_job_{what}{{job="{name}"}}': "0x3000"
                for name in ("orders", "shop") for what in ("stale", "schedule_broken")}
        self.assertEqual(self.firing("monitoring", usual | good, ["1h", "27h"]), {"1h": set(), "27h": set()})
        self.assertEqual(self.firing("monitoring", good, ["5m", "11m"]), {"5m": set(), "11m": {"BackupctlGone"}})
        self.assertEqual(self.firing("monitoring", usual | good | {"backupctl_ready": "0x3000"}, ["11m"]), {
            "11m": {"BackupctlNotReady"}})
        for what, alert in (("stale", "BackupctlBackupTooOld"), ("schedule_broken", "BackupctlScheduleBroken")):
            bad = good | {f'backupctl_job_{what}{{job="shop"}}': "0x60 1x3000"}
            self.assertEqual(self.firing("monitoring", usual | bad, ["1h", "70m"]), {"1h": set(), "70m": {alert}})
        for state, alerts in (("failed", {"BackupctlRunFailed"}), ("missed", {"BackupctlRunFailed"}), ("succeeded", set())):
            ran = {f'backupctl_job_last_run_state{{job="shop", state="{state}"}}': "1x3000"}
            self.assertEqual(self.firing("monitoring", usual | good | ran, ["1h"]), {"1h": alerts}, state)


if __name__ == "__main__":
    unittest.main()
