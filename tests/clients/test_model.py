"""Every operation of botocore's model is called, and every answer is checked against it."""

import json
import unittest

from botocore.exceptions import ClientError
from model import Checker, faults
from support import PASS, ROLE, WAIT, ServerTest, create, wait_for_end

# What may be refused as long as the refusal says that this version does not have it.
NOT_YET = {"DescribeMapRun", "ListMapRuns", "UpdateMapRun"}

# Failure, retry and catch, both query languages, variables, all kinds of states: many kinds of history events.
RICH = {
    "StartAt": "Set",
    "States": {
        "Set": {"Type": "Pass", "Assign": {"limit.$": "$.limit"}, "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "StartAt": "Item",
                "States": {"Item": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericGreaterThanPath": "$limit", "Next": "Big"}], "Default": "Small"},
                           "Big": {"Type": "Fail", "Error": "TooBig", "Cause": "it is"},
                           "Small": {"Type": "Succeed"}},
            },
            "Retry": [{"ErrorEquals": ["TooBig"], "MaxAttempts": 1, "IntervalSeconds": 1, "MaxDelaySeconds": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Both", "ResultPath": "$.error"}],
            "End": True,
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Compute", "States": {"Compute": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.limit + 1 %}", "End": True}}},
                {"StartAt": "Pause", "States": {"Pause": {"Type": "Wait", "Seconds": 0, "End": True}}},
            ],
            "Next": "Bad",
        },
        "Bad": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 + 'x' %}", "End": True},
    },
}


class Model(ServerTest):
    def test_every_operation_answers_as_its_model_says(self):
        sfn = self.sfn
        checker = Checker(sfn)
        refused = []

        def attempt(call, **parameters):
            try:
                return call(**parameters)
            except ClientError as error:
                refused.append(str(error))
                return None

        # State machines, versions, aliases, tags.
        arn = create(sfn, "model", RICH, tags=[{"key": "k", "value": "v"}], publish=True, versionDescription="first")
        sfn.validate_state_machine_definition(definition=json.dumps(RICH))
        sfn.validate_state_machine_definition(definition="{", maxResults=1)
        sfn.update_state_machine(stateMachineArn=arn, roleArn=ROLE + "2", publish=True)
        sfn.describe_state_machine(stateMachineArn=arn)
        sfn.list_state_machines(maxResults=1)
        version = sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
        sfn.describe_state_machine(stateMachineArn=version)
        sfn.list_state_machine_versions(stateMachineArn=arn, maxResults=1)
        route = [{"stateMachineVersionArn": version, "weight": 100}]
        alias = sfn.create_state_machine_alias(name="live", description="d", routingConfiguration=route)["stateMachineAliasArn"]
        sfn.update_state_machine_alias(stateMachineAliasArn=alias, description="e")
        sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
        sfn.list_state_machine_aliases(stateMachineArn=arn)
        sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": ""}])
        sfn.list_tags_for_resource(resourceArn=arn)
        sfn.untag_resource(resourceArn=arn, tagKeys=["a"])

        # Executions.
        failing = sfn.start_execution(stateMachineArn=alias, input='{"limit": 1, "items": [0, 2]}', traceHeader="Root=1-5759e988-bd862e3fe1be46a994272793")
        waiting = sfn.start_execution(stateMachineArn=create(sfn, "waits", WAIT), name="w")
        sfn.describe_execution(executionArn=waiting["executionArn"])
        sfn.describe_state_machine_for_execution(executionArn=waiting["executionArn"])
        sfn.stop_execution(executionArn=waiting["executionArn"], error="E", cause="c")
        ended = wait_for_end(sfn, failing["executionArn"])
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "States.QueryEvaluationError"), ended)
        events = sfn.get_execution_history(executionArn=failing["executionArn"], maxResults=1000)["events"]
        kinds = {event["type"] for event in events}
        for kind in ("MapIterationFailed", "MapStateFailed", "ParallelStateSucceeded", "WaitStateExited", "EvaluationFailed", "ExecutionFailed"):
            self.assertIn(kind, kinds)
        sfn.get_execution_history(executionArn=failing["executionArn"], includeExecutionData=False, reverseOrder=True)
        for machine in (arn, version, alias):
            sfn.list_executions(stateMachineArn=machine, maxResults=1)
        sfn.redrive_execution(executionArn=failing["executionArn"], clientToken="token")
        redriven = wait_for_end(sfn, failing["executionArn"])
        self.assertEqual((redriven["status"], redriven["redriveCount"]), ("FAILED", 1))
        events = sfn.get_execution_history(executionArn=failing["executionArn"], maxResults=1000)["events"]
        self.assertIn("ExecutionRedriven", {event["type"] for event in events})
        self.assertEqual(sfn.list_executions(stateMachineArn=arn, redriveFilter="REDRIVEN")["executions"][0]["redriveCount"], 1)
        express = create(sfn, "express", RICH, type="EXPRESS")
        sfn.start_execution(stateMachineArn=express)
        sfn.start_sync_execution(stateMachineArn=express, input='{"limit": 9, "items": [1]}')
        sfn.start_sync_execution(stateMachineArn=express, input='{"limit": 0, "items": [1]}', name="n")

        # Activities and tasks.
        activity = sfn.create_activity(name="work", tags=[{"key": "k", "value": "v"}])["activityArn"]
        sfn.describe_activity(activityArn=activity)
        sfn.list_activities()
        works = create(sfn, "works", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 60, "End": True}}})
        histories = []
        for answer in ("success", "failure"):
            execution = sfn.start_execution(stateMachineArn=works)["executionArn"]
            token = sfn.get_activity_task(activityArn=activity, workerName="me")["taskToken"]
            sfn.send_task_heartbeat(taskToken=token)
            if answer == "success":
                sfn.send_task_success(taskToken=token, output="[]")
            else:
                sfn.send_task_failure(taskToken=token, error="E", cause="c")
            wait_for_end(sfn, execution)
            histories += sfn.get_execution_history(executionArn=execution)["events"]
        self.assertIn("ActivityFailed", {event["type"] for event in histories})
        outer = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn": create(sfn, "inner", PASS)}, "End": True}
        nested = sfn.start_execution(stateMachineArn=create(sfn, "outer", {"StartAt": "N", "States": {"N": outer}}))["executionArn"]
        wait_for_end(sfn, nested)
        sfn.get_execution_history(executionArn=nested)

        # Map Runs and tests of states.
        runs = attempt(sfn.list_map_runs, executionArn=failing["executionArn"])
        run = (runs or {}).get("mapRuns") or [{"mapRunArn": "arn:aws:states:us-east-1:000000000000:mapRun:model/Each:x"}]
        attempt(sfn.describe_map_run, mapRunArn=run[0]["mapRunArn"])
        attempt(sfn.update_map_run, mapRunArn=run[0]["mapRunArn"], maxConcurrency=1)
        for level in ("INFO", "DEBUG", "TRACE"):
            for state, text in (
                ({"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.r", "Next": "B"}, '{"b": 2}'),
                ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.b %}", "End": True}, '{"b": 2}'),
                ({"Type": "Fail", "Error": "E", "Cause": "c"}, "{}"),
                ({"Type": "Choice", "Choices": [{"Variable": "$.b", "IsPresent": True, "Next": "C"}]}, '{"b": 2}'),
            ):
                sfn.test_state(definition=json.dumps(state), roleArn=ROLE, input=text, inspectionLevel=level)
            task = {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "f", "Payload.$": "$"},
                "ResultSelector": {"n.$": "$.Payload.n"},
                "ResultPath": "$.r",
                "OutputPath": "$.r",
                "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
                "Next": "B",
            }
            for mock, status in (
                ({"result": json.dumps({"StatusCode": 200, "Payload": {"n": 1}})}, "SUCCEEDED"),
                ({"errorOutput": {"error": "Busy", "cause": "c"}}, "RETRIABLE"),
                ({"errorOutput": {"error": "Other", "cause": "c"}}, "CAUGHT_ERROR"),
            ):
                answer = sfn.test_state(definition=json.dumps(task), input='{"b": 2}', inspectionLevel=level, mock=mock)
                self.assertEqual(answer["status"], status, answer)
        mapped = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"StartAt": "P", "States": PASS["States"]}, "End": True}
        sfn.test_state(definition=json.dumps(mapped), input='{"items": [1, 2]}', inspectionLevel="TRACE", mock={"result": "[1, 2]"}, context='{"Execution": {"Id": "x"}}')
        sfn.test_state(definition=json.dumps(RICH), stateName="Bad", input="{}", variables='{"limit": 1}', inspectionLevel="DEBUG")

        # Ends.
        sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
        sfn.delete_state_machine_version(stateMachineVersionArn=version)
        sfn.delete_state_machine(stateMachineArn=arn)
        sfn.delete_activity(activityArn=activity)

        self.assertEqual(checker.faults, [])
        called = checker.answered | set(checker.refused)
        self.assertEqual(called, checker.operations)
        self.assertLessEqual(checker.operations - checker.answered, NOT_YET)
        self.assertEqual([text for text in refused if "not implemented yet" not in text], [])

    def test_refusals_are_errors_of_the_model(self):
        sfn = self.server.client()
        checker = Checker(sfn)
        activity = "arn:aws:states:us-east-1:000000000000:activity:none"
        machine = "arn:aws:states:us-east-1:000000000000:stateMachine:none"
        execution = "arn:aws:states:us-east-1:000000000000:execution:none:none"
        for call, parameters, code in (
            (sfn.create_state_machine, {"name": "a b", "definition": json.dumps(PASS), "roleArn": ROLE}, "InvalidName"),
            (sfn.create_state_machine, {"name": "a", "definition": "{}", "roleArn": ROLE}, "InvalidDefinition"),
            (sfn.create_state_machine, {"name": "a", "definition": json.dumps(PASS), "roleArn": "x"}, "InvalidArn"),
            (sfn.update_state_machine, {"stateMachineArn": machine}, "MissingRequiredParameter"),
            (sfn.update_state_machine, {"stateMachineArn": machine, "roleArn": ROLE}, "StateMachineDoesNotExist"),
            (sfn.describe_state_machine, {"stateMachineArn": activity}, "InvalidArn"),
            (sfn.describe_activity, {"activityArn": activity}, "ActivityDoesNotExist"),
            (sfn.start_execution, {"stateMachineArn": machine}, "StateMachineDoesNotExist"),
            (sfn.describe_execution, {"executionArn": execution}, "ExecutionDoesNotExist"),
            (sfn.get_execution_history, {"executionArn": execution, "nextToken": "x"}, None),
            (sfn.list_executions, {"stateMachineArn": machine}, "StateMachineDoesNotExist"),
            (sfn.list_executions, {}, "ValidationException"),
            (sfn.list_state_machines, {"nextToken": "x"}, "InvalidToken"),
            (sfn.send_task_success, {"taskToken": "x", "output": "1"}, "InvalidToken"),
            (sfn.list_tags_for_resource, {"resourceArn": machine}, "ResourceNotFound"),
        ):
            with self.assertRaises(ClientError, msg=str(parameters)) as caught:
                call(**parameters)
            if code:
                self.assertEqual(caught.exception.response["Error"]["Code"], code, parameters)
                # botocore has a class for each error of the model.
                if code in {"InvalidName", "InvalidDefinition", "StateMachineDoesNotExist", "InvalidToken"}:
                    self.assertIsInstance(caught.exception, getattr(sfn.exceptions, code))
        self.assertEqual(checker.faults, [])

    def test_the_check_sees_what_is_wrong(self):
        shape = self.server.client().meta.service_model.operation_model("DescribeExecution").output_shape
        good = {
            "executionArn": "arn:aws:states:us-east-1:000000000000:execution:a:b",
            "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:a",
            "status": "RUNNING",
            "startDate": 1700000000.123,
        }
        self.assertEqual(faults(shape, good), [])
        for change, expected in (
            ({"status": "GOING"}, "is none of"),
            ({"startDate": "2023-11-14"}, "is no timestamp"),
            ({"stopDate": None}, "is no timestamp"),
            ({"colour": 1}, "colour is not in the model"),
            ({"inputDetails": {"included": 1}}, "is no boolean"),
            ({"redriveCount": True}, "is no integer"),
            ({"name": ""}, "0 characters"),
            ({"input": {}}, "is no string"),
        ):
            found = faults(shape, good | change)
            self.assertTrue(len(found) == 1 and expected in found[0], (change, found))
        self.assertEqual(faults(shape, {k: v for k, v in good.items() if k != "status"}), ["answer.status is missing"])


if __name__ == "__main__":
    unittest.main()
