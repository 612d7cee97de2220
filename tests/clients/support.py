"""A Stepwell server for tests of real clients."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

STEPWELL = os.environ.get("STEPWELL", "target/debug/stepwell")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ROLE = "arn:aws:iam::000000000000:role/test"
DEADLINE_SECONDS = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`stepwell serve` on a free port, in memory or on a data directory."""

    def __init__(self, data_dir=None, config=None, arguments=(), environment=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = tempfile.TemporaryFile()
        command = [STEPWELL, "serve", "--port", str(self.port), *arguments]
        command += ["--data-dir", str(data_dir)] if data_dir else ["--memory"]
        command += ["--config", str(config)] if config else []
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | (environment or {})
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=env)
        self.wait_until_ready()

    def wait_until_ready(self):
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the server did not start: {self.output()}")
            time.sleep(0.01)

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def client(self, region="us-east-1"):
        config = Config(inject_host_prefix=False, retries={"max_attempts": 1}, read_timeout=75)
        return boto3.client(
            "stepfunctions",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self.log.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class ServerTest(unittest.TestCase):
    """Tests that share a server in memory and a boto3 client of it."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.sfn = cls.server.client()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def refused(self, code, call, **parameters):
        """Makes a call that must fail with an error of this name; gives its message."""
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]


def wait_for_end(sfn, arn, seconds=DEADLINE_SECONDS):
    """Describes an execution until it has ended."""
    end = time.monotonic() + seconds
    while True:
        answer = sfn.describe_execution(executionArn=arn)
        if answer["status"] != "RUNNING":
            return answer
        if time.monotonic() > end:
            events = sfn.get_execution_history(executionArn=arn, maxResults=1000)["events"]
            raise AssertionError(f"still running: {[event['type'] for event in events]}")
        time.sleep(0.01)


def create(sfn, name, definition, **more):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return sfn.create_state_machine(name=name, definition=text, roleArn=ROLE, **more)["stateMachineArn"]


PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
