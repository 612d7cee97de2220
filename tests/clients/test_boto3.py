"""boto3, unmodified, drives every operation."""

import json
import threading
import unittest

from support import PASS, ROLE, WAIT, ServerTest, create, wait_for_end


class Boto3(ServerTest):
    def test_a_state_machine_lives_from_create_to_delete(self):
        sfn = self.sfn
        text = json.dumps(PASS, indent=3)
        made = sfn.create_state_machine(name="life", definition=text, roleArn=ROLE, tags=[{"key": "a", "value": "b"}])
        arn = made["stateMachineArn"]
        self.assertEqual(sfn.create_state_machine(name="life", definition=text, roleArn=ROLE)["creationDate"], made["creationDate"])
        self.refused("StateMachineAlreadyExists", sfn.create_state_machine, name="life", definition=json.dumps(WAIT), roleArn=ROLE)
        described = sfn.describe_state_machine(stateMachineArn=arn)
        self.assertEqual(described["definition"], text)
        self.assertEqual(described["status"], "ACTIVE")
        self.assertEqual(described["loggingConfiguration"]["level"], "OFF")
        self.assertEqual(sfn.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "a", "value": "b"}])
        sfn.tag_resource(resourceArn=arn, tags=[{"key": "c", "value": "d"}])
        sfn.untag_resource(resourceArn=arn, tagKeys=["a"])
        self.assertEqual(sfn.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "c", "value": "d"}])
        updated = sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(WAIT))
        self.assertIn("revisionId", updated)
        self.assertEqual(json.loads(sfn.describe_state_machine(stateMachineArn=arn)["definition"]), WAIT)
        self.assertIn(arn, [m["stateMachineArn"] for m in sfn.list_state_machines()["stateMachines"]])
        sfn.delete_state_machine(stateMachineArn=arn)
        sfn.delete_state_machine(stateMachineArn=arn)
        self.refused("StateMachineDoesNotExist", sfn.describe_state_machine, stateMachineArn=arn)

    def test_an_execution_runs_and_shows_its_history(self):
        sfn = self.sfn
        arn = create(sfn, "runs", PASS)
        started = sfn.start_execution(stateMachineArn=arn, name="one", input='{ "a" : 1 }')
        ended = wait_for_end(sfn, started["executionArn"])
        self.assertEqual((ended["status"], ended["input"], ended["output"]), ("SUCCEEDED", '{ "a" : 1 }', '{ "a" : 1 }'))
        self.assertEqual(ended["startDate"], started["startDate"])
        history = sfn.get_execution_history(executionArn=started["executionArn"])["events"]
        self.assertEqual(
            [(e["id"], e["previousEventId"], e["type"]) for e in history],
            [(1, 0, "ExecutionStarted"), (2, 0, "PassStateEntered"), (3, 2, "PassStateExited"), (4, 3, "ExecutionSucceeded")],
        )
        backwards = sfn.get_execution_history(executionArn=started["executionArn"], reverseOrder=True)["events"]
        self.assertEqual(backwards, history[::-1])
        pages = sfn.get_paginator("get_execution_history").paginate(
            executionArn=started["executionArn"], PaginationConfig={"PageSize": 1}
        )
        self.assertEqual([e for page in pages for e in page["events"]], history)
        message = self.refused("ExecutionAlreadyExists", sfn.start_execution, stateMachineArn=arn, name="one", input="{}")
        self.assertIn(started["executionArn"], message)
        self.assertEqual(sfn.describe_state_machine_for_execution(executionArn=started["executionArn"])["stateMachineArn"], arn)

    def test_a_failed_execution_is_redriven(self):
        sfn = self.sfn
        activity = sfn.create_activity(name="redriven")["activityArn"]
        definition = {"StartAt": "Keep", "States": {
            "Keep": {"Type": "Pass", "Result": {"kept": 1}, "Next": "Work"},
            "Work": {"Type": "Task", "Resource": activity, "ResultPath": "$.work", "End": True},
        }}
        arn = create(sfn, "redriven", definition)
        started = sfn.start_execution(stateMachineArn=arn)["executionArn"]
        self.assertIn("RUNNING", self.refused("ExecutionNotRedrivable", sfn.redrive_execution, executionArn=started))
        task = sfn.get_activity_task(activityArn=activity)
        sfn.send_task_failure(taskToken=task["taskToken"], error="E", cause="c")
        ended = wait_for_end(sfn, started)
        self.assertEqual((ended["status"], ended["redriveCount"], ended["redriveStatus"]), ("FAILED", 0, "REDRIVABLE"))
        answer = sfn.redrive_execution(executionArn=started, clientToken="once")
        self.assertEqual(sfn.redrive_execution(executionArn=started, clientToken="once")["redriveDate"], answer["redriveDate"])
        running = sfn.describe_execution(executionArn=started)
        self.assertEqual((running["status"], running["redriveCount"]), ("RUNNING", 1))
        self.assertEqual(running["redriveDate"], answer["redriveDate"])
        self.assertNotIn("stopDate", running)
        listed = sfn.list_executions(stateMachineArn=arn, redriveFilter="REDRIVEN")["executions"]
        self.assertEqual([e["executionArn"] for e in listed], [started])
        self.refused("TaskTimedOut", sfn.send_task_success, taskToken=task["taskToken"], output="1")
        task = sfn.get_activity_task(activityArn=activity)
        sfn.send_task_success(taskToken=task["taskToken"], output="2")
        ended = wait_for_end(sfn, started)
        self.assertEqual((ended["status"], ended["output"]), ("SUCCEEDED", '{"kept":1,"work":2}'))
        self.assertEqual(ended["redriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven")
        history = sfn.get_execution_history(executionArn=started)["events"]
        redriven = [e for e in history if e["type"] == "ExecutionRedriven"]
        self.assertEqual([e["executionRedrivenEventDetails"]["redriveCount"] for e in redriven], [1])
        self.assertEqual(sum(e["type"] == "PassStateEntered" for e in history), 1)

    def test_a_running_execution_is_started_once_and_stopped(self):
        sfn = self.sfn
        arn = create(sfn, "waits", WAIT)
        first = sfn.start_execution(stateMachineArn=arn, name="w", input='{"x":1}')
        again = sfn.start_execution(stateMachineArn=arn, name="w", input='{"x":1}')
        self.assertEqual((first["executionArn"], first["startDate"]), (again["executionArn"], again["startDate"]))
        running = sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
        self.assertEqual([e["name"] for e in running], ["w"])
        stopped = sfn.stop_execution(executionArn=first["executionArn"], error="E", cause="because")
        ended = sfn.describe_execution(executionArn=first["executionArn"])
        self.assertEqual((ended["status"], ended["error"], ended["cause"]), ("ABORTED", "E", "because"))
        self.assertEqual(ended["stopDate"], stopped["stopDate"])
        self.assertEqual(sfn.stop_execution(executionArn=first["executionArn"])["stopDate"], stopped["stopDate"])

    def test_an_express_execution_answers_at_once(self):
        sfn = self.sfn
        arn = create(sfn, "express", PASS, type="EXPRESS")
        answer = sfn.start_sync_execution(stateMachineArn=arn, input='{"a":1}')
        self.assertEqual((answer["status"], answer["output"]), ("SUCCEEDED", '{"a":1}'))
        self.assertIn(":express:express:", sfn.start_execution(stateMachineArn=arn)["executionArn"])
        self.refused("StateMachineTypeNotSupported", sfn.list_executions, stateMachineArn=arn)

    def test_a_worker_takes_and_answers_activity_tasks(self):
        sfn = self.sfn
        activity = sfn.create_activity(name="work")["activityArn"]
        self.assertEqual(sfn.describe_activity(activityArn=activity)["name"], "work")
        self.assertIn(activity, [a["activityArn"] for a in sfn.list_activities()["activities"]])
        state = {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 30, "End": True}
        arn = create(sfn, "works", {"StartAt": "T", "States": {"T": state}})
        execution = sfn.start_execution(stateMachineArn=arn, input='{"n":2}')["executionArn"]
        task = sfn.get_activity_task(activityArn=activity, workerName="me")
        self.assertEqual(task["input"], '{"n":2}')
        sfn.send_task_heartbeat(taskToken=task["taskToken"])
        sfn.send_task_success(taskToken=task["taskToken"], output="4")
        self.assertEqual(wait_for_end(sfn, execution)["output"], "4")
        self.refused("TaskTimedOut", sfn.send_task_success, taskToken=task["taskToken"], output="5")
        self.refused("InvalidToken", sfn.send_task_failure, taskToken="AAAA" + task["taskToken"])
        execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
        task = sfn.get_activity_task(activityArn=activity)
        sfn.send_task_failure(taskToken=task["taskToken"], error="Bad", cause="luck")
        ended = wait_for_end(sfn, execution)
        self.assertEqual((ended["status"], ended["error"], ended["cause"]), ("FAILED", "Bad", "luck"))
        sfn.delete_activity(activityArn=activity)
        self.refused("ActivityDoesNotExist", sfn.describe_activity, activityArn=activity)

    def test_a_waiting_worker_gets_the_next_task(self):
        sfn = self.sfn
        activity = sfn.create_activity(name="poll")["activityArn"]
        arn = create(sfn, "polls", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}})
        got = []
        worker = threading.Thread(target=lambda: got.append(self.server.client().get_activity_task(activityArn=activity)))
        worker.start()
        execution = sfn.start_execution(stateMachineArn=arn, input='"hello"')["executionArn"]
        worker.join(timeout=30)
        self.assertEqual(got[0]["input"], '"hello"')
        sfn.send_task_success(taskToken=got[0]["taskToken"], output="true")
        self.assertEqual(wait_for_end(sfn, execution)["status"], "SUCCEEDED")

    def test_a_definition_is_validated(self):
        sfn = self.sfn
        self.assertEqual(sfn.validate_state_machine_definition(definition=json.dumps(PASS))["result"], "OK")
        answer = sfn.validate_state_machine_definition(definition='{"StartAt":"X","States":{"P":{"Type":"Pass","End":true}}}')
        self.assertEqual(answer["result"], "FAIL")
        self.assertIn("MISSING_TRANSITION_TARGET", [d["code"] for d in answer["diagnostics"]])
        self.refused("InvalidDefinition", sfn.create_state_machine, name="bad", definition="{}", roleArn=ROLE)

    def test_a_state_machine_starts_another_and_waits_for_it(self):
        sfn = self.sfn
        child = create(sfn, "child", PASS)
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {"StateMachineArn": child, "Input": {"from": "parent"}},
            "ResultSelector": {"got.$": "$.Output"},
            "End": True,
        }
        parent = create(sfn, "parent", {"StartAt": "T", "States": {"T": task}})
        execution = sfn.start_execution(stateMachineArn=parent)["executionArn"]
        self.assertEqual(json.loads(wait_for_end(sfn, execution)["output"]), {"got": {"from": "parent"}})


if __name__ == "__main__":
    unittest.main()
