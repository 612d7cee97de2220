"""The worker of examples/activity-worker: heartbeats keep long tasks, and a worker that dies is replaced."""

import json
import os
import signal
import subprocess
import sys
import unittest

from support import REPOSITORY, ServerTest, create, wait_for_end

EXAMPLE = REPOSITORY / "examples/activity-worker"


class Worker:
    """The example's program in a process of its own."""

    def __init__(self, server, heartbeat_seconds):
        environment = os.environ | {
            "AWS_ENDPOINT_URL_SFN": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "HEARTBEAT_SECONDS": str(heartbeat_seconds),
        }
        self.process = subprocess.Popen([sys.executable, EXAMPLE / "worker.py"], stdout=subprocess.PIPE, text=True, env=environment)
        self.until("waiting for tasks of")

    def until(self, text):
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"the worker ended without {text!r}")

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(timeout=90)
        self.process.stdout.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class ActivityWorker(ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.definition = json.loads((EXAMPLE / "activity-worker.asl.json").read_text())

    def start(self, name, heartbeat_seconds, **order):
        definition = json.loads(json.dumps(self.definition))
        definition["States"]["Resize"]["HeartbeatSeconds"] = heartbeat_seconds
        arn = create(self.sfn, name, definition)
        order = {"image": "a.png", "width": 2, "height": 3, "seconds": 0} | order
        return self.sfn.start_execution(stateMachineArn=arn, input=json.dumps(order))["executionArn"]

    def events(self, execution):
        return [event["type"] for event in self.sfn.get_execution_history(executionArn=execution)["events"]]

    def test_a_task_longer_than_its_heartbeat_is_kept_alive(self):
        with Worker(self.server, 0.2) as worker:
            execution = self.start("kept", 1, seconds=2.5)
            ended = wait_for_end(self.sfn, execution)
            self.assertEqual(ended["status"], "SUCCEEDED", ended)
            self.assertEqual(json.loads(ended["output"])["pixels"], 6)
            self.assertNotIn("ActivityTimedOut", self.events(execution))
            # Several tasks, one after the other; then the next answers end the worker.
            several = [self.start(f"several-{number}", 60, width=number) for number in (1, 2, 0)]
            answers = [wait_for_end(self.sfn, execution) for execution in several]
            self.assertEqual([json.loads(answer["output"])["pixels"] for answer in answers[:2]], [3, 6])
            self.assertEqual((answers[2]["status"], answers[2]["error"], answers[2]["cause"]), ("FAILED", "ValueError", "0 x 3 is no size"))
            worker.end(signal.SIGKILL)

    def test_the_task_of_a_worker_that_was_killed_goes_to_another(self):
        with Worker(self.server, 0.2) as first:
            execution = self.start("replaced", 1, image="b.png", seconds=1.5)
            first.until('"b.png"')
            first.end(signal.SIGKILL)
        with Worker(self.server, 0.2) as second:
            ended = wait_for_end(self.sfn, execution)
            self.assertEqual(ended["status"], "SUCCEEDED", ended)
            self.assertEqual(json.loads(ended["output"])["worker"], second.process.pid)
        self.assertEqual(self.events(execution).count("ActivityTimedOut"), 1)
        self.assertEqual(self.events(execution).count("ActivityStarted"), 2)


if __name__ == "__main__":
    unittest.main()
