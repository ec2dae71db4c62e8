"""The CloudFormation template: linted, made, changed and removed against moto, and read for what it must not have."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

for name, value in {
    "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true",
}.items():
    os.environ[name] = value

import boto3  # noqa: E402  (after the variables that it reads)
import pymongo  # noqa: E402
import yaml  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.backends import get_backend  # noqa: E402

from replica_set import free_ports  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BACKUPCTL_TEST_AWS", ROOT / "deploy/aws"))
TEMPLATE = FOLDER / "backupctl.yaml"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mongo-AbCdEf"
RESTORE_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:restore-AbCdEf"

# moto 5.2.5 says 'No Moto CloudFormation support' for these: what they hold is read from the template alone.
NOT_IN_MOTO = {
    "AWS::CloudWatch::Alarm", "AWS::ECS::CapacityProvider", "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::Logs::MetricFilter", "AWS::SNS::TopicPolicy", "AWS::SecretsManager::Secret",
}


class Reader(yaml.SafeLoader):
    """CloudFormation's YAML: !Ref x is {"Ref": x}, !Sub x is {"Fn::Sub": x}. It has no aliases, so neither has this."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("CloudFormation takes no aliases")
        return super().compose_node(parent, index)


def function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix: value}


yaml.add_multi_constructor("!", function, Loader=Reader)


def template():
    return yaml.load(TEMPLATE.read_text(), Loader=Reader)


def mentioned(value):
    """The names that a value refers to, in Ref, GetAtt and Sub, wherever they stand in it."""
    if isinstance(value, list):
        return set().union(*map(mentioned, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner.split(".")[0])
        elif key == "Fn::Sub" and isinstance(inner, str):
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([A-Za-z0-9.:]+)\}", inner)}
        else:
            found |= mentioned(inner)
    return found


def container(read, task="Task"):
    return read["Resources"][task]["Properties"]["ContainerDefinitions"][0]


def documented_restores():
    """The commands that README gives to the task, in the order of its page."""
    page = (ROOT / "deploy/README.md").read_text()
    found = [json.loads(words) for words in re.findall(r"^    run '(\[.*?\])'", page, re.M)]
    assert len(found) == 5, found
    return found


class Written(unittest.TestCase):
    """What the template says."""

    def setUp(self):
        self.read = template()
        self.resources = self.read["Resources"]

    def properties(self, name):
        return self.resources[name]["Properties"]

    def test_lint(self):
        done = subprocess.run(
            [sys.executable, "-c", "from cfnlint.runner import main; main()", str(TEMPLATE)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-3000:])

    def test_size(self):
        self.assertLess(TEMPLATE.stat().st_size, 51_200, "what CloudFormation takes without a bucket")

    def test_documented_parameters_are_those_there_are(self):
        page = (ROOT / "deploy/README.md").read_text()
        section = page[page.index("\n## AWS\n"):page.index("\n### SQLite on EFS\n")]
        deploys = [
            set(re.findall(r"([A-Z][A-Za-z]+)=", words))
            for words in re.findall(r"--parameter-overrides((?:.*\\\n)*.*)", section)]
        needed = {name for name, one in self.read["Parameters"].items() if "Default" not in one}
        self.assertEqual(deploys, [needed, {"RestoreUriSecretArn"}])
        self.assertLessEqual(set(re.findall(r"\bout ([A-Za-z]+)\)", section)), set(self.read["Outputs"]))
        # Whatever else the text names with a value.
        named = set(re.findall(r"[`\s]([A-Z][a-z]+[A-Z][A-Za-z]+)=", section))
        self.assertLessEqual(named, set(self.read["Parameters"]))

    def test_start_script_is_the_one_beside_it(self):
        self.assertEqual(container(self.read)["Command"], [(FOLDER / "start.sh").read_text()])

    def test_restore_script_is_the_one_beside_it(self):
        made = container(self.read, "RestoreTask")
        # What run-task overrides is 'Command' alone, which the shell gets as "$@".
        self.assertEqual(
            made["EntryPoint"], ["/bin/sh", "-c", (FOLDER / "restore.sh").read_text(), "backupctl"])
        self.assertEqual(made["Command"], ["list"])

    def test_restores_have_a_secret_of_their_own(self):
        made = container(self.read, "RestoreTask")
        self.assertNotIn("Environment", made)
        self.assertEqual(made["Secrets"]["Fn::If"], [
            "CanRestore", [{"Name": "RESTORE_URI", "ValueFrom": {"Fn::Sub": "${RestoreUriSecretArn}:uri::"}}],
            {"Ref": "AWS::NoValue"}])
        daemon, restore = self.properties("Task"), self.properties("RestoreTask")
        self.assertNotIn("RestoreUriSecretArn", mentioned(daemon))
        self.assertEqual(mentioned(restore) & {"MongoPasswordSecretArn", "MetricsToken"}, set())
        self.assertEqual(restore["ExecutionRoleArn"], {"Fn::GetAtt": "RestoreExecutionRole.Arn"})
        self.assertEqual(daemon["ExecutionRoleArn"], {"Fn::GetAtt": "ExecutionRole.Arn"})
        # Who may read which secret.
        readers = {}
        for name, resource in self.resources.items():
            properties = resource["Properties"]
            documents = [one["PolicyDocument"] for one in properties.get("Policies", [])]
            if resource["Type"] == "AWS::IAM::Policy":
                name, documents = mentioned(properties["Roles"]).pop(), [properties["PolicyDocument"]]
            for statement in (one for document in documents for one in document["Statement"]):
                if "secretsmanager:GetSecretValue" in statement["Action"]:
                    readers.setdefault(name, set()).update(mentioned(statement["Resource"]))
        self.assertEqual(readers, {
            "ExecutionRole": {"MongoPasswordSecretArn", "MetricsToken"},
            "RestoreExecutionRole": {"RestoreUriSecretArn"},
        })

    def test_restores_work_on_the_same_state(self):
        for name in ("Volumes", "NetworkMode", "RequiresCompatibilities", "TaskRoleArn"):
            self.assertEqual(self.properties("RestoreTask")[name], self.properties("Task")[name], name)
        for name in ("Image", "MountPoints"):
            self.assertEqual(container(self.read, "RestoreTask")[name], container(self.read)[name], name)

    def test_no_secret_is_a_parameter_or_plain(self):
        for name, parameter in self.read["Parameters"].items():
            if re.search("password|secret|token|uri$", name, re.I):
                self.assertTrue(name.endswith("SecretArn"), name)
                self.assertIn("secretsmanager", parameter["AllowedPattern"])
        plain = {entry["Name"] for entry in container(self.read)["Environment"]}
        secret = {entry["Name"] for entry in container(self.read)["Secrets"]}
        self.assertEqual(secret, {"MONGODB_PASSWORD", "METRICS_TOKEN"})
        self.assertFalse([name for name in plain if re.search("PASSWORD|TOKEN|URI|SECRET", name)])
        sources = {entry["Name"]: entry["ValueFrom"] for entry in container(self.read)["Secrets"]}
        self.assertEqual(sources["MONGODB_PASSWORD"], {"Fn::Sub": "${MongoPasswordSecretArn}:password::"})
        self.assertEqual(sources["METRICS_TOKEN"], {"Ref": "MetricsToken"})

    def test_never_two_daemons(self):
        service = self.properties("Service")
        self.assertEqual(service["DesiredCount"], 1)
        deployment = service["DeploymentConfiguration"]
        self.assertEqual((deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]), (0, 100))
        self.assertEqual(deployment["DeploymentCircuitBreaker"], {"Enable": True, "Rollback": True})

    def test_service_on_instances_waits_until_the_cluster_may_use_their_capacity(self):
        """A reference is a dependency, for making and for removing; DependsOn takes no condition."""
        tags = self.properties("Service")["Tags"]["Fn::If"]
        self.assertEqual((tags[0], tags[2]), ("OnInstances", {"Ref": "AWS::NoValue"}))
        self.assertIn("ClusterCapacity", mentioned(tags[1]))
        self.assertEqual(self.resources["ClusterCapacity"]["Condition"], "OnInstances")
        self.assertIn("CapacityProvider", mentioned(self.properties("ClusterCapacity")))

    def test_instances_are_renewed_with_the_image_of_the_day(self):
        self.assertEqual(self.properties("Instances")["MaxInstanceLifetime"], 7 * 86_400)
        data = self.properties("LaunchTemplate")["LaunchTemplateData"]
        # Not the type that CloudFormation reads itself, when the stack is made or updated.
        self.assertEqual(data["ImageId"], {"Fn::Sub": "resolve:ssm:${InstanceImage}"})
        self.assertEqual(self.read["Parameters"]["InstanceImage"]["Type"], "String")
        provider = self.properties("CapacityProvider")["AutoScalingGroupProvider"]
        self.assertEqual(provider["ManagedDraining"], "ENABLED", "a run under way gets SIGTERM and time")

    def test_only_the_chosen_group_gets_in(self):
        sources = {}
        for name, resource in self.resources.items():
            properties = resource["Properties"]
            rules = properties.get("SecurityGroupIngress", [])
            if resource["Type"] == "AWS::EC2::SecurityGroupIngress":
                rules, name = [properties], properties["GroupId"]["Fn::GetAtt"].split(".")[0]
            for rule in rules:
                self.assertFalse({"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule), name)
                source = rule["SourceSecurityGroupId"]
                source = source.get("Ref") or source["Fn::GetAtt"].split(".")[0]
                sources.setdefault(name, set()).add((source, rule["FromPort"], rule["ToPort"]))
        self.assertEqual(sources, {
            "LoadBalancerGroup": {("ClientSecurityGroup", 443, 443), ("ClientSecurityGroup", 80, 80)},
            "TaskGroup": {("LoadBalancerGroup", 8484, 8484)},
            "FilesGroup": {("TaskGroup", 2049, 2049), ("InstanceGroup", 2049, 2049)},
        })
        # A group lets in who is in the same network, so an address for the internet would let nobody in.
        self.assertEqual(self.properties("LoadBalancer")["Scheme"], "internal")

    def test_only_mongodb_aws_dns_and_files_get_out(self):
        wide = set()
        for name, resource in self.resources.items():
            if resource["Type"] != "AWS::EC2::SecurityGroup":
                continue
            rules = resource["Properties"].get("SecurityGroupEgress")
            self.assertTrue(rules, f"{name}: AWS lets everything out where nothing is said")
            for rule in rules:
                if rule["IpProtocol"] == "-1":
                    self.assertEqual(rule["CidrIp"], "127.0.0.1/32", name)
                elif rule.get("CidrIp") == "0.0.0.0/0":
                    wide.add((name, rule["IpProtocol"], rule["FromPort"], rule["ToPort"]))
                else:
                    self.assertTrue(
                        rule.get("CidrIp") in ({"Ref": "MongoCidr"}, {"Ref": "VpcCidr"})
                        or "DestinationSecurityGroupId" in rule, (name, rule))
        self.assertEqual(wide, {("TaskGroup", "tcp", 443, 443), ("InstanceGroup", "tcp", 443, 443)})

    def test_roles_are_small(self):
        everything = []
        for name, resource in self.resources.items():
            properties = resource["Properties"]
            if resource["Type"] == "AWS::IAM::Role":
                documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
                self.assertNotIn("ManagedPolicyArns", properties, name)
            elif resource["Type"] == "AWS::IAM::Policy":
                documents = [properties["PolicyDocument"]]
            else:
                continue
            for statement in (entry for document in documents for entry in document["Statement"]):
                actions = statement["Action"]
                actions = [actions] if isinstance(actions, str) else actions
                self.assertFalse([action for action in actions if "*" in action], name)
                if statement["Resource"] == "*" and "Condition" not in statement:
                    everything += actions
        # AWS knows no resource for these.
        self.assertEqual(set(everything), {"ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint"})

    def test_containers_are_confined(self):
        for task in ("Task", "RestoreTask"):
            made = container(self.read, task)
            self.assertEqual((made["User"], made["ReadonlyRootFilesystem"]), ("10001:10001", True))
            self.assertEqual(made["LinuxParameters"]["Capabilities"], {"Drop": ["ALL"]})
            self.assertGreater(made["StopTimeout"], 30, "the daemon may take 30 s to stop")

    def test_files(self):
        files = self.resources["Files"]
        self.assertEqual((files["DeletionPolicy"], files["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))
        self.assertEqual(files["Properties"]["Encrypted"], True)
        self.assertEqual(files["Properties"]["BackupPolicy"], {"Status": "ENABLED"})
        volume = self.properties("Task")["Volumes"][0]["EFSVolumeConfiguration"]
        self.assertEqual(volume["TransitEncryption"], "ENABLED")
        self.assertEqual(volume["AuthorizationConfig"], {"AccessPointId": {"Ref": "FilesDoor"}, "IAM": "ENABLED"})

    def test_files_are_reached_encrypted_and_through_an_access_point_only(self):
        statements = self.properties("Files")["FileSystemPolicy"]["Statement"]
        denied = {
            (json.dumps(one["Action"]), json.dumps(one["Condition"], sort_keys=True)) for one in statements
            if one["Effect"] == "Deny" and one["Principal"] == {"AWS": "*"} and one["Resource"] == "*"}
        self.assertEqual(denied, {
            ('"*"', '{"Bool": {"aws:SecureTransport": "false"}}'),
            ('"elasticfilesystem:Client*"', '{"Null": {"elasticfilesystem:AccessPointArn": "true"}}'),
        })
        allowed = [one for one in statements if one["Effect"] == "Allow"]
        self.assertEqual(len(allowed), 1)
        self.assertEqual(allowed[0]["Action"], ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"])
        self.assertEqual(allowed[0]["Condition"], {
            "Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"},
            "Null": {"elasticfilesystem:AccessPointArn": "false"}})
        # It outlives the stack: what it names must, too.
        self.assertEqual(mentioned(statements), {"AWS::Partition", "AWS::AccountId"})
        role = self.properties("TaskFilesPolicy")["PolicyDocument"]["Statement"][0]
        self.assertIn("FilesDoor", mentioned(role["Condition"]["StringEquals"]["elasticfilesystem:AccessPointArn"]))

    def test_alarms_reach_the_topic(self):
        alarms = {n: r["Properties"] for n, r in self.resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
        self.assertEqual(set(alarms), {"FailedRunAlarm", "NoBackupAlarm", "UnhealthyAlarm", "NoTaskAlarm"})
        for name, alarm in alarms.items():
            self.assertEqual(alarm["AlarmActions"], [{"Ref": "Alarms"}], name)
            silent = "notBreaching" if name == "FailedRunAlarm" else "breaching"
            self.assertEqual(alarm["TreatMissingData"], silent, name)

    def test_filters_ask_for_lines_that_the_daemon_writes(self):
        """moto makes no filters, and one that matches nothing any more would be silent for ever."""
        daemon = "".join(path.read_text() for path in sorted((ROOT / "Sources/BackupDaemon").glob("*.swift")))
        asked = {}
        for name in ("FailedRuns", "GoodRuns"):
            pattern = self.resources[name]["Properties"]["FilterPattern"]
            asked[name] = set(re.findall(r'\$\.message = "([^"]+)"', pattern))
            self.assertEqual(set(re.findall(r"\$\.(\w+)", pattern)), {"message", "level"} | ({"state"} if name == "FailedRuns" else set()), name)
        self.assertEqual(asked["GoodRuns"], {"run ended"})
        self.assertEqual(asked["FailedRuns"], {"run ended", "run did not start", "instant without a run"})
        for message in asked["FailedRuns"]:
            self.assertRegex(daemon, rf'(info|warning|error)\(\s*"{message}"', message)
        # An instant that was skipped, since the run before it goes on, is no failure.
        self.assertIn('($.message = "instant without a run" && $.state = "missed")', self.resources["FailedRuns"]["Properties"]["FilterPattern"])
        self.assertIn('"state": row.state.rawValue', daemon)
        # A run that succeeded, and none else, is told as 'info'.
        self.assertIn('case .succeeded: info("run ended", data)', daemon)
        self.assertEqual(daemon.count('info("run ended"'), 1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Started(unittest.TestCase):
    """The start script, with the real program."""

    PASSWORD = 'p:/@"%é $x'
    TOKEN = "0123456789abcdef0123456789abcdef"

    def setUp(self):
        binary = Path(os.environ.get("BACKUPCTL_TEST_BINARY", ROOT / ".build/debug/backupctl"))
        if not binary.exists():
            self.skipTest(f"no program at '{binary.name}': build it first")
        said = subprocess.run([binary, "daemon", "--help"], capture_output=True, text=True, timeout=60).stdout
        if "--token-file" not in said:
            self.skipTest("this program's daemon has no --listen yet")
        self.base = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.base)
        (self.base / "bin").mkdir()
        (self.base / "bin/backupctl").symlink_to(binary.resolve())
        self.started = []
        self.addCleanup(lambda: [self.stop(process) for process in self.started])

    def start(self, **changed):
        self.port = free_port()
        environment = {
            "PATH": f"{self.base}/bin:{os.environ['PATH']}", "BASE": str(self.base / "state"),
            "LISTEN": f"127.0.0.1:{self.port}", "LOCK_SECONDS": "1", "MONGODB_SCHEME": "mongodb",
            "MONGODB_HOST": "127.0.0.1:1", "MONGODB_TLS": "false", "MONGODB_USER": "u@x",
            "MONGODB_PASSWORD": self.PASSWORD, "MONGODB_DATABASE": "shop", "JOB": "main", "SCHEDULE": "30 2 * * *",
            "TIME_ZONE": "UTC", "KEEP_DAILY": "7", "KEEP_WEEKLY": "4", "KEEP_MONTHLY": "12",
            "METRICS_TOKEN": self.TOKEN, **changed,
        }
        log = open(self.base / f"log{len(self.started)}", "wb")
        process = subprocess.Popen(
            ["/bin/sh", "-c", (FOLDER / "start.sh").read_text()], env=environment, stdout=log, stderr=log)
        log.close()
        self.started.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
        return process.returncode

    def get(self, path, token=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def wait_healthy(self, process):
        for _ in range(200):
            self.assertIsNone(process.poll(), "the daemon ended")
            try:
                return self.assertEqual(self.get("/healthz"), 200)
            except OSError:
                time.sleep(0.1)
        self.fail("not healthy in time")

    def job(self):
        done = subprocess.run(
            [self.base / "bin/backupctl", "--state-dir", self.base / "state/state", "job", "show", "main", "--json"],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_makes_the_job_once_and_changes_it_then(self):
        first = self.start()
        self.wait_healthy(first)
        self.assertEqual(self.get("/metrics"), 401)
        self.assertEqual(self.get("/metrics", self.TOKEN), 200)
        arguments = Path(f"/proc/{first.pid}/cmdline").read_text()
        variables = dict(
            entry.split("=", 1) for entry in Path(f"/proc/{first.pid}/environ").read_text().split("\0") if entry)
        self.assertNotIn(self.TOKEN, arguments + json.dumps(variables))
        self.assertNotIn("MONGODB_PASSWORD", variables)
        from urllib.parse import unquote, urlsplit
        uri = urlsplit(variables["BACKUPCTL_URI"])
        self.assertEqual((unquote(uri.username), unquote(uri.password)), ("u@x", self.PASSWORD))
        self.assertEqual(self.stop(first), 0)
        self.assertIn("30 2 * * *", self.job())
        second = self.start(SCHEDULE="15 4 * * *")
        self.wait_healthy(second)
        self.assertIn("15 4 * * *", self.job())
        self.assertEqual(self.stop(second), 0)

    def test_a_second_task_on_the_same_state_does_not_start(self):
        first = self.start()
        self.wait_healthy(first)
        second = self.start()
        self.assertEqual(second.wait(30), 75)
        self.assertIn("another task", (self.base / "log1").read_text())
        self.assertIsNone(first.poll())

    def test_documented_restores_do_what_they_say_once_the_daemon_is_gone(self):
        server, login = self.server()
        # The daemon's user can write nothing, the other one can read nothing.
        first = self.start(
            MONGODB_HOST=f"127.0.0.1:{server}", MONGODB_USER="backup", MONGODB_PASSWORD=login["backup"])
        self.wait_healthy(first)
        self.backupctl("run", "main", "--detach")
        for _ in range(600):
            runs = json.loads(self.backupctl("history", "main", "--json").stdout)
            if runs and runs[0]["state"] not in ("queued", "running"):
                break
            time.sleep(0.1)
        self.assertEqual([run["state"] for run in runs], ["succeeded"])
        uri = f"mongodb://restore:{login['restore']}@127.0.0.1:{server}/?authSource=admin"
        listed, dry, renamed, one, dropped = documented_restores()

        beside = self.restore(listed, uri)
        self.assertEqual((beside.returncode, beside.stdout), (75, ""))
        self.assertIn("desired count", beside.stderr)
        self.assertIsNone(first.poll())
        self.assertEqual(self.stop(first), 0)

        with pymongo.MongoClient(f"mongodb://root:{login['root']}@127.0.0.1:{server}/?authSource=admin") as root:
            hashes = lambda name: root[name].command("dbHash")["collections"]  # noqa: E731
            before = hashes("shop")
            self.assertEqual(set(before), {"orders", "things"})
            for words in (listed, dry):
                done = self.restore(words, uri)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("main" if words is listed else "shop_restored.orders", done.stdout)
            self.assertNotIn("shop_restored", root.list_database_names())
            self.assertEqual(self.restore(renamed, uri).returncode, 0)
            self.assertEqual(hashes("shop_restored"), before)
            self.assertEqual(self.restore(one, uri).returncode, 0)
            self.assertEqual(hashes("shop"), before | {"orders_restored": before["orders"]})
            root.shop.orders.delete_many({"number": {"$gt": 100}})
            self.assertNotEqual(hashes("shop")["orders"], before["orders"])
            self.assertEqual(self.restore(dropped, uri).returncode, 0)
            self.assertEqual(hashes("shop"), before | {"orders_restored": before["orders"]})
        without = self.restore(renamed, None)
        self.assertEqual(without.returncode, 1, without.stderr)
        self.assertIn("RESTORE_URI", without.stderr)
        self.assertIn("'two words'", self.restore(["list", "two words"], None).stderr)
        # The daemon finds its state as it was.
        second = self.start()
        self.wait_healthy(second)
        self.assertIn("30 2 * * *", self.job())

    def backupctl(self, *words):
        done = subprocess.run(
            [self.base / "bin/backupctl", "--state-dir", self.base / "state/state", *words], capture_output=True, text=True,
            timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def restore(self, words, uri):
        """As the container of the task does it."""
        entry = container(template(), "RestoreTask")["EntryPoint"]
        environment = {
            "PATH": f"{self.base}/bin:{os.environ['PATH']}", "BASE": str(self.base / "state"), "LOCK_SECONDS": "1"}
        done = subprocess.run(
            [*entry, *words], env=environment | ({"RESTORE_URI": uri} if uri else {}), capture_output=True, text=True,
            timeout=120)
        if uri:
            self.assertNotIn(uri, done.stdout + done.stderr)
        return done

    def server(self):
        """A mongod with logins, with the users of deploy/mongodb and a database; its port and the passwords."""
        port, = free_ports(1)
        path = self.base / "db"
        path.mkdir()
        log = open(self.base / "mongod.log", "wb")
        process = subprocess.Popen(
            [os.environ["BACKUPCTL_TEST_MONGOD"], "--dbpath", path, "--port", str(port), "--bind_ip", "127.0.0.1", "--auth",
             "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--setParameter",
             "diagnosticDataCollectionEnabled=false"], stdout=log, stderr=log)
        log.close()
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        login = {name: secrets.token_hex(12) for name in ("root", "backup", "restore")}
        with pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/", serverSelectionTimeoutMS=60_000) as first:
            first.admin.command("createUser", "root", pwd=login["root"], roles=["root"])
        with pymongo.MongoClient(f"mongodb://root:{login['root']}@127.0.0.1:{port}/?authSource=admin") as root:
            for name in ("backup", "restore"):
                user = json.loads((ROOT / f"deploy/mongodb/users/{name}.json").read_text())
                root.admin.command({**user, "pwd": login[name]})
            root.shop.orders.insert_many({"number": number} for number in range(1_000))
            root.shop.things.insert_one({"a": 1})
        return port, login


@mock_aws
class Made(unittest.TestCase):
    """Made, changed and removed in moto."""

    def given(self, **changed):
        ec2 = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")["Subnet"]
            ["SubnetId"] for n, zone in enumerate("ab")]
        self.client = ec2.create_security_group(VpcId=vpc, GroupName="client", Description="client")["GroupId"]
        self.table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        atlas = ec2.create_vpc(CidrBlock="192.168.248.0/21")["Vpc"]["VpcId"]
        self.peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=atlas)["VpcPeeringConnection"][
            "VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=self.peering)
        certificate = boto3.client("acm").request_certificate(DomainName="backup.example.com")["CertificateArn"]
        return {
            "ImageTag": "1.0.0", "VpcId": vpc, "VpcCidr": "10.0.0.0/16", "SubnetA": self.subnets[0],
            "SubnetB": self.subnets[1], "LoadBalancerSubnets": ",".join(self.subnets),
            "ClientSecurityGroup": self.client, "MongoHost": "c.example.mongodb.net",
            "CertificateArn": certificate,
            "MongoCidr": "192.168.248.0/21", "MongoUser": "backup", "MongoDatabase": "shop",
            "MongoPasswordSecretArn": SECRET, "Mail": "ops@example.com", **changed}

    def written(self, **parameters):
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]

    def stack(self):
        return boto3.client("cloudformation").describe_stacks(StackName="backup")["Stacks"][0]

    def make(self, given, text=None):
        boto3.client("cloudformation").create_stack(
            StackName="backup", TemplateBody=text or TEMPLATE.read_text(), Parameters=self.written(**given),
            Capabilities=["CAPABILITY_IAM"])
        self.assertEqual(self.stack()["StackStatus"], "CREATE_COMPLETE")
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack()["Outputs"]}

    def kinds(self):
        listed = boto3.client("cloudformation").list_stack_resources(StackName="backup")["StackResourceSummaries"]
        return {entry["LogicalResourceId"]: entry["ResourceType"] for entry in listed}

    def physical(self, name):
        listed = boto3.client("cloudformation").list_stack_resources(StackName="backup")["StackResourceSummaries"]
        return next(entry["PhysicalResourceId"] for entry in listed if entry["LogicalResourceId"] == name)

    def not_made(self):
        skipped = (
            {"Record", "PeeringRouteA", "PeeringRouteB", "RestoreSecretPolicy"} if "Instances" not in self.kinds() else set())
        wanted = {
            name for name, one in template()["Resources"].items()
            if name not in skipped and not (skipped and one.get("Condition") == "OnInstances")}
        return wanted - set(self.kinds())

    def task(self, outputs):
        ecs = boto3.client("ecs")
        service = ecs.describe_services(cluster=outputs["ClusterName"], services=[outputs["ServiceName"]])["services"][0]
        return service, ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]

    def test_fargate(self):
        given = self.given()
        outputs = self.make(given)
        # The secret is of a kind that moto does not make.
        self.assertEqual(set(outputs), set(template()["Outputs"]) - {"MetricsTokenArn"})
        self.assertEqual(self.not_made(), {
            name for name, one in template()["Resources"].items() if "Condition" not in one
            and one["Type"] in NOT_IN_MOTO})
        self.assertRegex(outputs["Url"], r"^https://[A-Za-z0-9.-]+$")
        self.assertRegex(outputs["FileSystemId"], "^fs-")
        service, task = self.task(outputs)
        self.assertEqual(service["desiredCount"], 1)
        self.assertTrue(task["containerDefinitions"][0]["image"].endswith("/backupctl:1.0.0"))
        # moto 5.2.5 gives a secret's name back, not where it comes from: that is read in the template's text.
        self.assertEqual(
            {entry["name"] for entry in task["containerDefinitions"][0]["secrets"]},
            {"MONGODB_PASSWORD", "METRICS_TOKEN"})
        self.assertNotIn("Instances", self.kinds())
        self.assertNotIn("PeeringRouteA", self.kinds())
        self.assertNotIn("Record", self.kinds())

        balancers = boto3.client("elbv2")
        balancer = balancers.describe_load_balancers()["LoadBalancers"][0]
        self.assertEqual(balancer["Scheme"], "internal")
        listeners = {
            one["Port"]: one
            for one in balancers.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]}
        redirect = listeners[80]["DefaultActions"][0]["RedirectConfig"]
        self.assertEqual((redirect["Protocol"], redirect["StatusCode"]), ("HTTPS", "HTTP_301"))
        self.assertEqual(listeners[443]["SslPolicy"], "ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
        self.assertEqual(balancers.describe_target_groups()["TargetGroups"][0]["HealthCheckPath"], "/healthz")
        group = boto3.client("ec2").describe_security_groups(GroupIds=balancer["SecurityGroups"])["SecurityGroups"][0]
        for rule in group["IpPermissions"]:
            self.assertEqual(rule["IpRanges"], [])
            self.assertEqual([pair["GroupId"] for pair in rule["UserIdGroupPairs"]], [self.client])
        files = boto3.client("efs").describe_file_systems(FileSystemId=outputs["FileSystemId"])["FileSystems"][0]
        self.assertTrue(files["Encrypted"])
        mails = boto3.client("sns").list_subscriptions_by_topic(TopicArn=outputs["AlarmTopicArn"])["Subscriptions"]
        self.assertEqual([(mail["Protocol"], mail["Endpoint"]) for mail in mails], [("email", "ops@example.com")])

        cloud = boto3.client("cloudformation")
        cloud.update_stack(
            StackName="backup", UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM"],
            Parameters=self.written(**{**given, "ImageTag": "1.1.0", "Schedule": "15 4 * * *"}))
        self.assertEqual(self.stack()["StackStatus"], "UPDATE_COMPLETE")
        # moto makes the new task definition, but with CloudFormation's names, which boto3 drops, and does not give it
        # to a service whose own text is the same: so it is read where moto keeps it.
        kept = get_backend("ecs")["123456789012"]["eu-central-1"].task_definitions["backup"]
        self.assertEqual(len(kept), 2)
        changed = {key.lower(): value for key, value in kept[2].container_definitions[0].items()}
        self.assertTrue(changed["image"].endswith("/backupctl:1.1.0"))
        self.assertIn("15 4 * * *", [one.get("Value", one.get("value")) for one in changed["environment"]])

        cloud.delete_stack(StackName="backup")
        self.assertEqual(balancers.describe_load_balancers()["LoadBalancers"], [])
        self.assertEqual(cloud.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"][0]["StackName"],
                         "backup")

    def test_the_next_stack_goes_on_with_the_files_of_the_last(self):
        """Which is also the way from one launch type to the other."""
        cloud, files = boto3.client("cloudformation"), boto3.client("efs")
        # moto 5.2.5 knows 'Retain', and deletes what has 'RetainExceptOnCreate'; that the template has this is tested above.
        text = TEMPLATE.read_text().replace("DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Retain")
        given = self.given()
        left = self.make(given, text)["FileSystemId"]
        self.assertIn("Files", self.kinds())
        cloud.delete_stack(StackName="backup")
        self.assertEqual([one["FileSystemId"] for one in files.describe_file_systems()["FileSystems"]], [left])
        self.assertEqual(files.describe_mount_targets(FileSystemId=left)["MountTargets"], [])
        given.update(ExistingFileSystemId=left, LaunchType="EC2")
        outputs = self.make(given, text)
        self.assertEqual(outputs["FileSystemId"], left)
        self.assertNotIn("Files", self.kinds())
        self.assertIn("Instances", self.kinds())
        self.assertEqual(len(files.describe_file_systems()["FileSystems"]), 1)
        targets = files.describe_mount_targets(FileSystemId=left)["MountTargets"]
        self.assertEqual({one["SubnetId"] for one in targets}, set(self.subnets))
        doors = files.describe_access_points(FileSystemId=left)["AccessPoints"]
        self.assertEqual([one["RootDirectory"]["Path"] for one in doors], ["/backupctl"])
        # moto makes 'eFSVolumeConfiguration' of CloudFormation's name, which boto3 drops.
        kept = get_backend("ecs")["123456789012"]["eu-central-1"].task_definitions["backup"]
        volume = {key.lower(): value for key, value in kept[max(kept)].volumes[0].items()}["efsvolumeconfiguration"]
        self.assertEqual({key.lower(): value for key, value in volume.items()}["filesystemid"], left)
        policy = boto3.client("iam").get_role_policy(RoleName=self.physical("TaskRole"), PolicyName="files")
        self.assertRegex(policy["PolicyDocument"]["Statement"][0]["Resource"], f":file-system/{left}$")

    def network(self, outputs):
        """What the command line makes of the output that README gives it, a shorthand of the AWS tools."""
        found = re.fullmatch(
            r"awsvpcConfiguration=\{subnets=\[([a-z0-9,-]+)\],securityGroups=\[(sg-[0-9a-f]+)\](,assignPublicIp=DISABLED)?\}",
            outputs["TaskNetwork"])
        subnets, group, address = found.groups()
        made = {"subnets": subnets.split(","), "securityGroups": [group]}
        return {"awsvpcConfiguration": made | ({"assignPublicIp": "DISABLED"} if address else {})}

    def test_restore_is_a_task_that_is_run_by_hand(self):
        ecs, roles = boto3.client("ecs"), boto3.client("iam")
        outputs = self.make(self.given(RestoreUriSecretArn=RESTORE_SECRET))
        cluster = outputs["ClusterName"]
        self.assertEqual(
            ecs.update_service(cluster=cluster, service=outputs["ServiceName"], desiredCount=0)["service"]["desiredCount"], 0)
        # moto 5.2.5 adds up what containers have, and forgets that a task may have it: AWS takes either.
        kept = get_backend("ecs")["123456789012"]["eu-central-1"].task_definitions["backup-restore"]
        self.assertEqual(kept[1].memory, "1024")
        kept[1].container_definitions[0]["memory"] = 1024
        for words in documented_restores():
            ran = ecs.run_task(
                cluster=cluster, taskDefinition=outputs["RestoreTaskArn"], launchType="FARGATE",
                networkConfiguration=self.network(outputs),
                overrides={"containerOverrides": [{"name": "backupctl", "command": words}]})
            self.assertEqual(ran["failures"], [])
            task = ecs.describe_tasks(cluster=cluster, tasks=[ran["tasks"][0]["taskArn"]])["tasks"][0]
            self.assertEqual(task["taskDefinitionArn"], outputs["RestoreTaskArn"])
            self.assertEqual(task["overrides"]["containerOverrides"][0]["command"], words)
        made = ecs.describe_task_definition(taskDefinition=outputs["RestoreTaskArn"])["taskDefinition"]
        self.assertEqual(made["family"], "backup-restore")
        one = made["containerDefinitions"][0]
        self.assertEqual([secret["name"] for secret in one["secrets"]], ["RESTORE_URI"])
        self.assertEqual((one["entryPoint"][-1], one["command"]), ("backupctl", ["list"]))
        secret = roles.get_role_policy(RoleName=self.physical("RestoreExecutionRole"), PolicyName="secret")
        self.assertEqual(
            [(entry["Action"], entry["Resource"]) for entry in secret["PolicyDocument"]["Statement"]],
            [("secretsmanager:GetSecretValue", RESTORE_SECRET)])
        self.assertEqual(
            roles.list_role_policies(RoleName=self.physical("RestoreExecutionRole"))["PolicyNames"], ["start", "secret"])
        daemons = roles.get_role_policy(RoleName=self.physical("ExecutionRole"), PolicyName="start")
        self.assertNotIn(RESTORE_SECRET, json.dumps(daemons["PolicyDocument"]))

    def test_without_a_secret_for_restores_there_is_no_right_to_one(self):
        outputs = self.make(self.given())
        self.assertNotIn("RestoreSecretPolicy", self.kinds())
        made = boto3.client("ecs").describe_task_definition(taskDefinition=outputs["RestoreTaskArn"])["taskDefinition"]
        self.assertFalse(made["containerDefinitions"][0].get("secrets"))

    def test_instances_record_and_peering(self):
        zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
        given = self.given(
            LaunchType="EC2", HostedZoneId=zone.split("/")[-1], DomainName="backup.example.com",
            RestoreUriSecretArn=RESTORE_SECRET)
        given.update(PeeringConnectionId=self.peering, PeeringRouteTableA=self.table)
        outputs = self.make(given)
        self.assertEqual(outputs["Url"], "https://backup.example.com")
        self.assertEqual(self.not_made(), {"PeeringRouteB"} | {
            name for name, one in template()["Resources"].items() if one["Type"] in NOT_IN_MOTO})
        self.assertNotIn("PeeringRouteB", self.kinds())
        self.assertNotIn("assignPublicIp", outputs["TaskNetwork"], "for Fargate only")
        self.network(outputs)
        group = boto3.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
        self.assertEqual((group["MinSize"], group["MaxSize"]), (1, 2))
        made = boto3.client("ec2").describe_launch_template_versions(
            LaunchTemplateId=group["LaunchTemplate"]["LaunchTemplateId"])["LaunchTemplateVersions"][0]
        self.assertEqual(
            made["LaunchTemplateData"]["ImageId"],
            "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id")
        routes = boto3.client("ec2").describe_route_tables(RouteTableIds=[self.table])["RouteTables"][0]["Routes"]
        self.assertIn(
            ("192.168.248.0/21", self.peering),
            [(route.get("DestinationCidrBlock"), route.get("VpcPeeringConnectionId")) for route in routes])
        records = boto3.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        self.assertIn(("backup.example.com", "A"), [(record["Name"].rstrip("."), record["Type"]) for record in records])


if __name__ == "__main__":
    unittest.main()
