"""boto3, unmodified, publishes versions, routes aliases and sets what a machine can be set to."""

import json
import tempfile
import unittest

from support import PASS, ROLE, Server, ServerTest, create, wait_for_end


def returning(value):
    return json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": value, "End": True}}})


class Versions(ServerTest):
    def run_through(self, arn):
        started = self.sfn.start_execution(stateMachineArn=arn)
        return wait_for_end(self.sfn, started["executionArn"])

    def test_versions_are_published_described_listed_and_deleted(self):
        sfn = self.sfn
        made = sfn.create_state_machine(
            name="v", definition=returning(1), roleArn=ROLE, publish=True, versionDescription="first"
        )
        arn, first = made["stateMachineArn"], made["stateMachineVersionArn"]
        self.assertEqual(first, arn + ":1")
        updated = sfn.update_state_machine(stateMachineArn=arn, definition=returning(2))
        second = sfn.publish_state_machine_version(stateMachineArn=arn, revisionId=updated["revisionId"])
        self.assertEqual(second["stateMachineVersionArn"], arn + ":2")
        self.refused("ConflictException", sfn.publish_state_machine_version, stateMachineArn=arn, revisionId="old")
        listed = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
        self.assertEqual([v["stateMachineVersionArn"] for v in listed], [arn + ":2", arn + ":1"])
        described = sfn.describe_state_machine(stateMachineArn=first)
        self.assertEqual((described["description"], described["definition"]), ("first", returning(1)))
        for through, output in ((arn, "2"), (first, "1")):
            ended = self.run_through(through)
            self.assertEqual((ended["output"], ended["stateMachineArn"]), (output, arn))
            self.assertEqual(ended.get("stateMachineVersionArn"), None if through == arn else first)
        executions = sfn.list_executions(stateMachineArn=first)["executions"]
        self.assertEqual([e["stateMachineVersionArn"] for e in executions], [first])
        sfn.delete_state_machine_version(stateMachineVersionArn=first)
        self.refused("StateMachineDoesNotExist", sfn.start_execution, stateMachineArn=first)
        sfn.delete_state_machine(stateMachineArn=arn)

    def test_aliases_route_by_weight_and_keep_their_versions(self):
        sfn = self.sfn
        arn = sfn.create_state_machine(name="a", definition=returning(1), roleArn=ROLE, publish=True)["stateMachineArn"]
        sfn.update_state_machine(stateMachineArn=arn, definition=returning(2), publish=True)
        routing = [{"stateMachineVersionArn": f"{arn}:{n}", "weight": 50} for n in (1, 2)]
        alias = sfn.create_state_machine_alias(name="live", description="d", routingConfiguration=routing)
        again = sfn.create_state_machine_alias(name="live", description="d", routingConfiguration=routing)
        self.assertEqual(again["creationDate"], alias["creationDate"])
        live = alias["stateMachineAliasArn"]
        outputs = {self.run_through(live)["output"] for _ in range(40)}
        self.assertEqual(outputs, {"1", "2"})
        self.assertEqual(self.run_through(live)["stateMachineAliasArn"], live)
        message = self.refused("ConflictException", sfn.delete_state_machine_version, stateMachineVersionArn=arn + ":1")
        self.assertTrue(message.endswith("[live]"), message)
        sfn.update_state_machine_alias(
            stateMachineAliasArn=live, routingConfiguration=[{"stateMachineVersionArn": arn + ":2", "weight": 100}]
        )
        sfn.delete_state_machine_version(stateMachineVersionArn=arn + ":1")
        described = sfn.describe_state_machine_alias(stateMachineAliasArn=live)
        self.assertEqual(described["routingConfiguration"], [{"stateMachineVersionArn": arn + ":2", "weight": 100}])
        self.assertEqual(described["description"], "d")
        listed = sfn.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]
        self.assertEqual([a["stateMachineAliasArn"] for a in listed], [live])
        sfn.delete_state_machine_alias(stateMachineAliasArn=live)
        self.refused("ResourceNotFound", sfn.describe_state_machine_alias, stateMachineAliasArn=live)
        sfn.delete_state_machine(stateMachineArn=arn)

    def test_settings_come_back_as_they_were_sent(self):
        sfn = self.sfn
        group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/x:*"
        logging = {
            "level": "ERROR",
            "includeExecutionData": True,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        }
        encryption = {
            "type": "CUSTOMER_MANAGED_KMS_KEY",
            "kmsKeyId": "alias/key",
            "kmsDataKeyReusePeriodSeconds": 600,
        }
        arn = sfn.create_state_machine(
            name="s",
            definition=json.dumps(PASS),
            roleArn=ROLE,
            loggingConfiguration=logging,
            tracingConfiguration={"enabled": True},
            encryptionConfiguration=encryption,
        )["stateMachineArn"]
        execution = self.run_through(arn)["executionArn"]
        for described in (
            sfn.describe_state_machine(stateMachineArn=arn),
            sfn.describe_state_machine_for_execution(executionArn=execution),
        ):
            self.assertEqual(described["loggingConfiguration"], logging)
            self.assertEqual(described["tracingConfiguration"], {"enabled": True})
            self.assertEqual(described["encryptionConfiguration"], encryption)
        activity = sfn.create_activity(name="s", encryptionConfiguration=encryption)["activityArn"]
        self.assertEqual(sfn.describe_activity(activityArn=activity)["encryptionConfiguration"], encryption)

    def test_numbers_and_aliases_survive_kill_9(self):
        with tempfile.TemporaryDirectory() as directory:
            server = Server(data_dir=directory)
            sfn = server.client()
            arn = create(sfn, "k", PASS)
            sfn.publish_state_machine_version(stateMachineArn=arn)
            sfn.create_state_machine_alias(
                name="live", routingConfiguration=[{"stateMachineVersionArn": arn + ":1", "weight": 100}]
            )
            sfn.update_state_machine(stateMachineArn=arn, definition=returning(2), publish=True)
            sfn.delete_state_machine_version(stateMachineVersionArn=arn + ":2")
            server.kill()
            server = Server(data_dir=directory)
            sfn = server.client()
            published = sfn.publish_state_machine_version(stateMachineArn=arn)
            self.assertEqual(published["stateMachineVersionArn"], arn + ":3")
            listed = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
            self.assertEqual([v["stateMachineVersionArn"] for v in listed], [arn + ":3", arn + ":1"])
            execution = sfn.start_execution(stateMachineArn=arn + ":live")["executionArn"]
            self.assertEqual(wait_for_end(sfn, execution)["stateMachineVersionArn"], arn + ":1")
            server.stop()


if __name__ == "__main__":
    unittest.main()
