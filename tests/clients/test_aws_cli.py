"""The AWS CLI, unmodified, drives a workflow."""

import json
import os
import shutil
import subprocess
import time
import unittest

from support import PASS, ROLE, Server

AWS = os.environ.get("AWS") or shutil.which("aws")


class AwsCli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not AWS:
            raise unittest.SkipTest("the AWS CLI is not installed")
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def aws(self, *arguments):
        environment = os.environ | {
            "AWS_ENDPOINT_URL_SFN": self.server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
        }
        done = subprocess.run([AWS, "stepfunctions", *arguments], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def test_a_workflow_from_create_to_history(self):
        made = self.aws("create-state-machine", "--name", "cli", "--definition", json.dumps(PASS), "--role-arn", ROLE)
        arn = made["stateMachineArn"]
        execution = self.aws("start-execution", "--state-machine-arn", arn, "--input", '{"a": 1}')["executionArn"]
        end = time.monotonic() + 30
        while self.aws("describe-execution", "--execution-arn", execution)["status"] == "RUNNING":
            self.assertLess(time.monotonic(), end)
        events = self.aws("get-execution-history", "--execution-arn", execution)["events"]
        self.assertEqual(events[-1]["type"], "ExecutionSucceeded")
        self.assertEqual(self.aws("list-executions", "--state-machine-arn", arn)["executions"][0]["executionArn"], execution)
        self.aws("delete-state-machine", "--state-machine-arn", arn)


if __name__ == "__main__":
    unittest.main()
