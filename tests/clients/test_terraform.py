"""The calls that Terraform's AWS provider makes, in its order, with what it sends: no drift, and every wait ends."""

import json
import time
import unittest

from botocore.exceptions import ClientError
from model import Checker
from support import DEADLINE_SECONDS, PASS, ROLE, WAIT, ServerTest


class StateMachine:
    """The resource aws_sfn_state_machine."""

    def __init__(self, sfn, configuration):
        self.sfn = sfn
        self.configuration = configuration
        self.arn = None

    def call(self, operation, **parameters):
        return getattr(self.sfn, operation)(**parameters)

    def plan(self):
        """CustomizeDiff: an invalid definition is an error of the plan."""
        c = self.configuration
        answer = self.call("validate_state_machine_definition", definition=c["definition"], type=c.get("type", "STANDARD"))
        return [] if answer["result"] == "OK" else [d["code"] for d in answer["diagnostics"] if d["severity"] == "ERROR"]

    def create(self):
        c = self.configuration
        request = {"name": c["name"], "definition": c["definition"], "roleArn": c["role_arn"], "type": c.get("type", "STANDARD")}
        if c.get("publish"):
            request["publish"] = True
        if c.get("tags"):
            request["tags"] = [{"key": k, "value": v} for k, v in c["tags"].items()]
        for member in ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration"):
            if member in c:
                request[member] = c[member]
        self.arn = self.call("create_state_machine", **request)["stateMachineArn"]
        return self.read()

    def read(self):
        """What goes into the state file."""
        d = self.call("describe_state_machine", stateMachineArn=self.arn)
        versions = self.call("list_state_machine_versions", stateMachineArn=self.arn)["stateMachineVersions"]
        tags = self.call("list_tags_for_resource", resourceArn=self.arn)["tags"]
        logging, tracing = d.get("loggingConfiguration"), d.get("tracingConfiguration")
        return {
            "arn": d["stateMachineArn"],
            "creation_date": d["creationDate"],
            "definition": d["definition"],
            "description": d.get("description", ""),
            "encryption": d.get("encryptionConfiguration"),
            "logging": logging and {"level": logging.get("level"), "includeExecutionData": logging.get("includeExecutionData", False),
                                    "destinations": logging.get("destinations", [])},
            "name": d["name"],
            "revision_id": d.get("revisionId", ""),
            "role_arn": d["roleArn"],
            "state_machine_version_arn": versions[0]["stateMachineVersionArn"] if versions else None,
            "status": d["status"],
            "tags": {tag["key"]: tag["value"] for tag in tags},
            "tracing": tracing and tracing.get("enabled", False),
            "type": d["type"],
        }

    def update(self, **changes):
        tags = changes.pop("tags", None)
        old_tags = self.configuration.get("tags", {})
        self.configuration = self.configuration | changes | ({} if tags is None else {"tags": tags})
        c = self.configuration
        if tags is not None:
            gone = [key for key in old_tags if key not in tags]
            if gone:
                self.call("untag_resource", resourceArn=self.arn, tagKeys=gone)
            new = [{"key": k, "value": v} for k, v in tags.items() if old_tags.get(k) != v]
            if new:
                self.call("tag_resource", resourceArn=self.arn, tags=new)
        if changes:
            request = {"stateMachineArn": self.arn, "definition": c["definition"], "roleArn": c["role_arn"]}
            if c.get("publish"):
                # version_description is computed: it is sent, and empty.
                request |= {"publish": True, "versionDescription": ""}
            request |= {m: changes[m] for m in ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration") if m in changes}
            self.call("update_state_machine", **request)
            end = time.monotonic() + DEADLINE_SECONDS
            while True:
                d = self.call("describe_state_machine", stateMachineArn=self.arn)
                if json.loads(d["definition"]) == json.loads(c["definition"]) and d["roleArn"] == c["role_arn"]:
                    break
                assert time.monotonic() < end, "the update is not seen"
        return self.read()

    def delete(self):
        self.call("delete_state_machine", stateMachineArn=self.arn)
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                status = self.call("describe_state_machine", stateMachineArn=self.arn)["status"]
            except ClientError as error:
                assert error.response["Error"]["Code"] == "StateMachineDoesNotExist", error
                return
            assert status == "DELETING", status
            assert time.monotonic() < end, "the machine does not go"
            time.sleep(0.05)


class Terraform(ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.checker = Checker(cls.sfn)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        assert cls.checker.faults == [], cls.checker.faults

    def unchanged(self, machine, state):
        """A second refresh finds what the first one found, which is what was configured."""
        self.assertEqual(machine.read(), state)
        c = machine.configuration
        wanted = {
            "name": c["name"],
            "definition": c["definition"],
            "role_arn": c["role_arn"],
            "type": c.get("type", "STANDARD"),
            "tags": c.get("tags", {}),
            "status": "ACTIVE",
            "tracing": c.get("tracingConfiguration", {}).get("enabled", False),
            "logging": {"level": "OFF", "includeExecutionData": False, "destinations": []} | c.get("loggingConfiguration", {}),
        }
        self.assertEqual({key: state[key] for key in wanted}, wanted)

    def test_a_state_machine_from_plan_to_destroy(self):
        definition = json.dumps(PASS, indent=2) + "\n"
        destination = [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:g:*"}}]
        for number, more in enumerate((
            {},
            {"type": "EXPRESS"},
            {"tags": {"team": "a", "stage": ""}},
            {"publish": True},
            {"loggingConfiguration": {"level": "OFF", "includeExecutionData": False}},
            {"loggingConfiguration": {"level": LEVEL, "includeExecutionData": True, "destinations": destination}},
            {"tracingConfiguration": {"enabled": True}},
            {"encryptionConfiguration": {"type": "AWS_OWNED_KEY"}},
        )):
            with self.subTest(**more):
                machine = StateMachine(self.sfn, {"name": f"terraform-{number}", "definition": definition, "role_arn": ROLE} | more)
                self.assertEqual(machine.plan(), [])
                state = machine.create()
                self.unchanged(machine, state)
                self.assertEqual(state["state_machine_version_arn"], state["arn"] + ":1" if more.get("publish") else None)
                machine.configuration["definition"] = json.dumps(WAIT)
                self.assertEqual(machine.plan(), [])
                updated = machine.update(definition=json.dumps(WAIT), role_arn=ROLE + "-2")
                self.unchanged(machine, updated)
                self.assertEqual(updated["creation_date"], state["creation_date"])
                self.assertNotEqual(updated["revision_id"], state["revision_id"])
                self.assertEqual(updated["state_machine_version_arn"], state["arn"] + ":2" if more.get("publish") else None)
                # Settings and tags alone.
                for change in ({"tracingConfiguration": {"enabled": False}}, {"loggingConfiguration": {"level": "OFF", "includeExecutionData": True}},
                               {"tags": {"stage": "b"}}, {"tags": {}}):
                    self.unchanged(machine, machine.update(**change))
                machine.delete()
                # Applied again after it is gone: a refresh finds nothing, and the same name can be used.
                self.unchanged(machine, machine.create())
                machine.delete()

    def test_an_invalid_definition_is_an_error_of_the_plan(self):
        for definition, code in (("{}", "SCHEMA_VALIDATION_FAILED"), ('{"StartAt": "X", "States": {"P": {"Type": "Pass", "End": true}}}', "MISSING_TRANSITION_TARGET")):
            machine = StateMachine(self.sfn, {"name": "invalid", "definition": definition, "role_arn": ROLE})
            self.assertIn(code, machine.plan())

    def test_a_machine_with_running_executions_is_destroyed(self):
        machine = StateMachine(self.sfn, {"name": "busy", "definition": json.dumps(WAIT), "role_arn": ROLE})
        machine.create()
        for _ in range(3):
            self.sfn.start_execution(stateMachineArn=machine.arn)
        machine.delete()

    def test_aliases_and_activities_have_no_drift(self):
        machine = StateMachine(self.sfn, {"name": "aliased", "definition": json.dumps(PASS), "role_arn": ROLE, "publish": True})
        first = machine.create()["state_machine_version_arn"]
        second = machine.update(definition=json.dumps(WAIT))["state_machine_version_arn"]
        route = lambda one, other: [{"stateMachineVersionArn": first, "weight": one}, {"stateMachineVersionArn": second, "weight": other}]
        arn = self.sfn.create_state_machine_alias(name="live", description="", routingConfiguration=route(50, 50))["stateMachineAliasArn"]

        def read():
            answer = self.sfn.describe_state_machine_alias(stateMachineAliasArn=arn)
            return {key: answer.get(key) for key in ("stateMachineAliasArn", "name", "routingConfiguration", "creationDate", "updateDate")} | {
                "description": answer.get("description", "")}

        state = read()
        self.assertEqual((state["name"], state["description"], state["routingConfiguration"]), ("live", "", route(50, 50)))
        self.assertEqual(read(), state)
        self.sfn.update_state_machine_alias(stateMachineAliasArn=arn, description="d", routingConfiguration=route(10, 90))
        state = read()
        self.assertEqual((state["description"], state["routingConfiguration"]), ("d", route(10, 90)))
        self.sfn.delete_state_machine_alias(stateMachineAliasArn=arn)
        with self.assertRaises(ClientError) as caught:
            read()
        self.assertEqual(caught.exception.response["Error"]["Code"], "ResourceNotFound")
        machine.delete()

        activity = self.sfn.create_activity(name="terraform", tags=[{"key": "a", "value": "b"}])
        described = self.sfn.describe_activity(activityArn=activity["activityArn"])
        self.assertEqual((described["name"], described["creationDate"]), ("terraform", activity["creationDate"]))
        self.assertEqual(self.sfn.list_tags_for_resource(resourceArn=activity["activityArn"])["tags"], [{"key": "a", "value": "b"}])
        self.sfn.delete_activity(activityArn=activity["activityArn"])
        with self.assertRaises(ClientError) as caught:
            self.sfn.describe_activity(activityArn=activity["activityArn"])
        self.assertEqual(caught.exception.response["Error"]["Code"], "ActivityDoesNotExist")


# The level of the machine that logs.
LEVEL = "ALL"

if __name__ == "__main__":
    unittest.main()
