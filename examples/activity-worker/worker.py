"""A worker of the activity "resize-image": asks for a task, works on it, says that it is alive, answers.

    pip install boto3
    eval "$(stepwell env)"
    python worker.py
"""

import json
import os
import signal
import sys
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACTIVITY = os.environ.get("ACTIVITY", "resize-image")
HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT_SECONDS", "5"))

# GetActivityTask is answered after up to 60 s.
sfn = boto3.client("stepfunctions", config=Config(read_timeout=75, tcp_keepalive=True))


def resize(order):
    """The work. It takes as long as the order says."""
    width, height = order["width"], order["height"]
    if width <= 0 or height <= 0:
        raise ValueError(f"{width} x {height} is no size")
    time.sleep(order.get("seconds", 1))
    return {"image": order["image"], "pixels": width * height, "worker": os.getpid()}


class Heartbeat(threading.Thread):
    """Says that the task is alive until it is done; notices when nobody waits for it any more."""

    def __init__(self, token):
        super().__init__(daemon=True)
        self.token = token
        self.done = threading.Event()
        self.is_wanted = True

    def run(self):
        while not self.done.wait(HEARTBEAT_SECONDS):
            try:
                sfn.send_task_heartbeat(taskToken=self.token)
            except (sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist):
                self.is_wanted = False
                return
            except ClientError as error:
                print(f"heartbeat: {error}", file=sys.stderr)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def answer(call, **parameters):
    try:
        call(**parameters)
    except (sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist):
        print("too late: the task has ended", file=sys.stderr)


def handle(task):
    token = task["taskToken"]
    with Heartbeat(token) as heartbeat:
        try:
            result = resize(json.loads(task["input"]))
        except Exception as error:
            failure = {"error": type(error).__name__, "cause": str(error)}
        else:
            failure = None
    if not heartbeat.is_wanted:
        print("nobody waits for the task any more", file=sys.stderr)
    elif failure:
        answer(sfn.send_task_failure, taskToken=token, **failure)
    else:
        answer(sfn.send_task_success, taskToken=token, output=json.dumps(result))


def main():
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    # Creating an activity that is there already answers its ARN.
    arn = sfn.create_activity(name=ACTIVITY)["activityArn"]
    print(f"waiting for tasks of {arn}", flush=True)
    while not stopping.is_set():
        task = sfn.get_activity_task(activityArn=arn, workerName=f"worker-{os.getpid()}")
        # Without a task within a minute there is no token.
        if task.get("taskToken"):
            print(f"task: {task['input']}", flush=True)
            handle(task)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
