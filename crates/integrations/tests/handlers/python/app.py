"""Handlers of an order workflow, and some that misbehave as handlers do."""

import os
import subprocess
import sys
import time
from decimal import Decimal


class OutOfStock(Exception):
    pass


def reserve(event, context):
    print("reserving", event["sku"], "for", context.function_name)
    print("\x1b[31mwarning\x1b[0m", file=sys.stderr)
    if event["quantity"] > 10:
        raise OutOfStock("only 10 of %s left" % event["sku"])
    return {"sku": event["sku"], "reserved": event["quantity"], "price": Decimal("9.5")}


def echo(event, context):
    return event


def about(event, context):
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgrp(),
        "arn": context.invoked_function_arn,
        "request": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
        "client": context.client_context.custom if context.client_context else None,
        "stage": os.environ.get("STAGE"),
        "region": os.environ.get("AWS_REGION"),
        "runtime": os.environ.get("AWS_EXECUTION_ENV"),
        "folder": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
        "stdin": sys.stdin.read(),
    }


def wait(event, context):
    time.sleep(event["seconds"])
    return os.getpid()


def spawn_and_hang(event, context):
    child = subprocess.Popen(["sleep", "600"])
    with open(event["file"], "w") as file:
        file.write("%d %d" % (os.getpid(), child.pid))
    time.sleep(600)


def leave(event, context):
    sys.exit(event)


def abort(event, context):
    os.abort()


def large(event, context):
    return "x" * event


def not_json(event, context):
    return {1, 2}


class Überfällig(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def speechless(event, context):
    raise Überfällig()
