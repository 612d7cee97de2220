"""boto3 tests single states, and starts executions whose tasks a mock file answers."""

import json
import pathlib
import tempfile
import unittest

from botocore.exceptions import ClientError

from support import ROLE, Server, create, wait_for_end

INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "none", "Payload.$": "$"},
    "ResultSelector": {"amount.$": "$.Payload.amount"},
    "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Apologise"}],
    "End": True,
}
ORDER = {"StartAt": "Charge", "States": {"Charge": INVOKE, "Apologise": {"Type": "Pass", "End": True}}}
MOCKS = {
    "StateMachines": {"order": {"TestCases": {"Happy": {"Charge": "Later"}, "Down": {"Charge": "Down"}}}},
    "MockedResponses": {
        "Later": {
            "0-1": {"Throw": {"Error": "Busy", "Cause": "later"}},
            "2": {"Return": {"StatusCode": 200, "Payload": {"amount": 12}}},
        },
        "Down": {"0": {"Throw": {"Error": "Down", "Cause": "for good"}}},
    },
}


class Mocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        file = pathlib.Path(cls.directory.name) / "MockConfigFile.json"
        file.write_text(json.dumps(MOCKS))
        cls.server = Server(environment={"SFN_MOCK_CONFIG": str(file)})
        cls.sfn = cls.server.client()
        cls.arn = create(cls.sfn, "order", ORDER)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.directory.cleanup()

    def test_a_mocked_state_shows_the_way_of_its_data(self):
        answer = self.sfn.test_state(
            definition=json.dumps(ORDER),
            stateName="Charge",
            input='{"order": 1}',
            inspectionLevel="TRACE",
            mock={"result": '{"Payload": {"amount": 12}}'},
        )
        self.assertEqual(answer["status"], "SUCCEEDED")
        self.assertEqual(json.loads(answer["output"]), {"amount": 12})
        data = answer["inspectionData"]
        self.assertEqual(json.loads(data["afterParameters"]), {"FunctionName": "none", "Payload": {"order": 1}})
        self.assertEqual(json.loads(data["result"]), {"Payload": {"amount": 12}})
        self.assertEqual(json.loads(data["afterResultSelector"]), {"amount": 12})

    def test_a_mocked_error_meets_retriers_and_catchers(self):
        def test(error, retries):
            return self.sfn.test_state(
                definition=json.dumps(ORDER),
                stateName="Charge",
                inspectionLevel="DEBUG",
                mock={"errorOutput": {"error": error, "cause": "c"}},
                stateConfiguration={"retrierRetryCount": retries},
            )

        again = test("Busy", 1)
        self.assertEqual(again["status"], "RETRIABLE")
        self.assertEqual(again["inspectionData"]["errorDetails"], {"retryIndex": 0, "retryBackoffIntervalSeconds": 2})
        caught = test("Busy", 2)
        self.assertEqual((caught["status"], caught["nextState"]), ("CAUGHT_ERROR", "Apologise"))
        self.assertEqual(caught["inspectionData"]["errorDetails"], {"retryIndex": 0, "catchIndex": 0})

    def test_a_state_alone_needs_a_role_or_a_mock(self):
        with self.assertRaises(ClientError) as caught:
            self.sfn.test_state(definition=json.dumps(INVOKE))
        self.assertEqual(caught.exception.response["Error"]["Message"], "RoleArn must be specified when testing a Task state")
        failed = self.sfn.test_state(definition=json.dumps(INVOKE), roleArn=ROLE)
        self.assertEqual((failed["status"], failed["error"]), ("CAUGHT_ERROR", "Lambda.ResourceNotFoundException"))
        with self.assertRaises(ClientError) as caught:
            self.sfn.test_state(definition=json.dumps(INVOKE), mock={"result": '{"StatusCode": "200"}'})
        self.assertEqual(
            caught.exception.response["Error"]["Message"],
            "Mock result schema validation error: Field 'StatusCode' must be a number",
        )

    def test_a_test_case_answers_the_tasks_of_an_execution(self):
        started = self.sfn.start_execution(stateMachineArn=self.arn + "#Happy", name="mocked")
        self.assertEqual(started["executionArn"], self.arn.replace(":stateMachine:", ":execution:") + ":mocked")
        ended = wait_for_end(self.sfn, started["executionArn"])
        self.assertEqual((ended["status"], json.loads(ended["output"])), ("SUCCEEDED", {"amount": 12}))
        self.assertEqual(ended["stateMachineArn"], self.arn)
        events = self.sfn.get_execution_history(executionArn=started["executionArn"])["events"]
        self.assertEqual([event["type"] for event in events].count("TaskScheduled"), 3)
        ended = wait_for_end(self.sfn, self.sfn.start_execution(stateMachineArn=self.arn + "#Down")["executionArn"])
        self.assertEqual(json.loads(ended["output"])["error"], {"Error": "Down", "Cause": "for good"})

    def test_an_unknown_case_is_refused(self):
        with self.assertRaises(ClientError) as caught:
            self.sfn.start_execution(stateMachineArn=self.arn + "#Hapy")
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], "ValidationException")
        self.assertIn("did you mean 'Happy'?", error["Message"])


if __name__ == "__main__":
    unittest.main()
