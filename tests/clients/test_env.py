"""What `stepwell env` prints works as it is printed, and `stepwell doctor` agrees."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from support import PASS, ROLE, STEPWELL, Server, create
from test_aws_cli import AWS


class Env(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.express = create(cls.server.client(), "express", PASS, type="EXPRESS")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def printed(self, *arguments):
        command = [STEPWELL, "env", "--endpoint-url", self.server.url, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=self.environment()).stdout

    def environment(self, **more):
        """The variables here without AWS's own."""
        return {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {"AWS_PAGER": ""} | more

    def start_sync(self, *options, **environment):
        """By a host name that starts with sync- unless the settings prevent it."""
        if not AWS:
            self.skipTest("the AWS CLI is not installed")
        command = [AWS, *options, "stepfunctions", "start-sync-execution", "--state-machine-arn", self.express, "--input", "[1]"]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment(**environment))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["output"], "[1]")

    def test_variables_for_the_aws_cli(self):
        answer = json.loads(self.printed("--output", "json"))
        self.start_sync(**answer["variables"])
        with tempfile.TemporaryDirectory() as home:
            environment = self.environment(**answer["variables"], HOME=home)
            done = subprocess.run([STEPWELL, "doctor"], capture_output=True, text=True, env=environment)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertTrue(done.stdout.endswith("no problems\n"), done.stdout)

    def test_a_profile_for_the_aws_cli(self):
        with tempfile.TemporaryDirectory() as home:
            config = pathlib.Path(home) / "config"
            config.write_text(self.printed("--client", "aws-cli"))
            self.start_sync("--profile", "stepwell", AWS_CONFIG_FILE=str(config), HOME=home)
            environment = self.environment(AWS_CONFIG_FILE=str(config), AWS_PROFILE="stepwell", HOME=home)
            done = subprocess.run([STEPWELL, "doctor"], capture_output=True, text=True, env=environment)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_code_for_boto3(self):
        names = {}
        exec(self.printed("--client", "boto3"), names)
        answer = names["sfn"].start_sync_execution(stateMachineArn=self.express, input="[1]")
        self.assertEqual(answer["output"], "[1]")
        names["sfn"].close()


if __name__ == "__main__":
    unittest.main()
