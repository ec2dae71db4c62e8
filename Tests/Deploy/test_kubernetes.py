"""The overlays as kustomize builds them: against the schemas of Kubernetes, and read for what they must have."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BACKUPCTL_TEST_KUBERNETES", ROOT / "deploy/kubernetes"))
OVERLAYS = ("daemon", "cronjob", "monitoring")
SCHEMAS = "1.32"
TOOLS = (["kustomize", "build"], ["kubectl", "kustomize"])


def build(overlay):
    tool = next((tool for tool in TOOLS if shutil.which(tool[0])), None)
    if tool is None:
        raise unittest.SkipTest("neither kustomize nor kubectl is here")
    done = subprocess.run([*tool, str(FOLDER / "overlays" / overlay)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr[-2000:])
    return list(yaml.safe_load_all(done.stdout))


class Overlays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.built = {overlay: build(overlay) for overlay in OVERLAYS}

    def one(self, overlay, kind):
        found = [object for object in self.built[overlay] if object["kind"] == kind]
        self.assertEqual(len(found), 1, f"{kind} in {overlay}")
        return found[0]

    def pods(self):
        yield "daemon", self.one("daemon", "StatefulSet")["spec"]["template"]["spec"]
        yield "cronjob", self.one("cronjob", "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]

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
        for overlay in OVERLAYS:
            labels = self.one(overlay, "Namespace")["metadata"]["labels"]
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

    def test_monitor_finds_the_service(self):
        monitor = self.one("monitoring", "ServiceMonitor")["spec"]
        service = self.one("monitoring", "Service")
        self.assertLessEqual(
            monitor["selector"]["matchLabels"].items(), service["metadata"]["labels"].items())
        endpoint = monitor["endpoints"][0]
        self.assertIn(endpoint["port"], [port["name"] for port in service["spec"]["ports"]])
        self.assertTrue(endpoint["honorLabels"], "'job' would be the target's")
        self.assertEqual(endpoint["authorization"]["credentials"]["key"], "metrics-token")

    def test_alerts_ask_for_metrics_that_there_are(self):
        rules = self.one("monitoring", "PrometheusRule")["spec"]["groups"][0]["rules"]
        asked = {name for rule in rules for name in re.findall(r"\bbackupctl_[a-z_]+", rule["expr"])}
        self.assertEqual(asked, {
            "backupctl_ready", "backupctl_jobs", "backupctl_job_last_run_state",
            "backupctl_job_last_success_timestamp_seconds"})
        pages = ROOT / "Sources/BackupDaemon/MetricsPage.swift"
        if not pages.exists():
            self.skipTest("this source has no metrics yet")
        written = pages.read_text()
        for name in asked:
            parts = (name, name.removeprefix("backupctl_job_last_success_"), name.removeprefix("backupctl_job_"))
            self.assertTrue(any(f'"{part}"' in written for part in parts), name)


if __name__ == "__main__":
    unittest.main()
