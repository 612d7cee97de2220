"""A killed server resumes every execution: waits keep their deadlines, tokens stay valid, handlers run on."""

import json
import pathlib
import tempfile
import time
import unittest

from support import Server, create, wait_for_end

HANDLER = '''
import json, os, time

def handler(event, context):
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps(event) + "\\n")
    time.sleep(event.get("seconds", 0))
    return {"n": event["n"] + 1}
'''


class Kill(unittest.TestCase):
    def test_a_killed_server_carries_on(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "app.py").write_text(HANDLER)
            config = folder / "stepwell.toml"
            config.write_text(
                '[lambda.functions.add]\nruntime = "python"\nhandler = "app.handler"\ndir = "."\n'
                f'env = {{ CALLS = {json.dumps(str(folder / "calls"))} }}\n'
            )
            server = Server(data_dir=folder / "data", config=config)
            sfn = server.client()
            activity = sfn.create_activity(name="approve")["activityArn"]
            function = "arn:aws:lambda:us-east-1:000000000000:function:add"
            machine = create(
                sfn,
                "resume",
                {
                    "StartAt": "First",
                    "States": {
                        "First": {"Type": "Task", "Resource": function, "Next": "Pause"},
                        "Pause": {"Type": "Wait", "Seconds": 3, "Next": "Slow"},
                        "Slow": {
                            "Type": "Task",
                            "Resource": function,
                            "Parameters": {"n.$": "$.n", "seconds": 1},
                            "Next": "Ask",
                        },
                        "Ask": {"Type": "Task", "Resource": activity, "End": True},
                    },
                },
            )
            waiting = create(
                sfn, "ask", {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": activity, "End": True}}}
            )
            asked = sfn.start_execution(stateMachineArn=waiting, input='"before"')["executionArn"]
            token = sfn.get_activity_task(activityArn=activity)["taskToken"]
            started = sfn.start_execution(stateMachineArn=machine, input='{"n": 1}')
            execution = started["executionArn"]
            self.until(sfn, execution, "WaitStateEntered")
            before = sfn.get_execution_history(executionArn=execution)["events"]
            server.kill()

            server = Server(data_dir=folder / "data", config=config)
            sfn = server.client()
            after = sfn.get_execution_history(executionArn=execution)["events"]
            self.assertEqual(after[: len(before)], before, "what a reader saw is a prefix of what is read later")
            sfn.send_task_success(taskToken=token, output='"kept"')
            self.assertEqual(wait_for_end(sfn, asked)["output"], '"kept"')
            # Killed again while a handler runs: the call's outcome is unknown, so it is sent again.
            self.until(sfn, execution, "WaitStateExited")
            server.kill()

            server = Server(data_dir=folder / "data", config=config)
            sfn = server.client()
            task = sfn.get_activity_task(activityArn=activity)
            self.assertEqual(json.loads(task["input"]), {"n": 3})
            sfn.send_task_success(taskToken=task["taskToken"], output="{}")
            self.assertEqual(wait_for_end(sfn, execution)["status"], "SUCCEEDED")
            events = sfn.get_execution_history(executionArn=execution)["events"]
            times = {e["type"]: e["timestamp"] for e in events}
            waited = (times["WaitStateExited"] - times["WaitStateEntered"]).total_seconds()
            self.assertGreaterEqual(waited, 3.0)
            self.assertLess(waited, 10.0)
            self.assertEqual([e["id"] for e in events], list(range(1, len(events) + 1)))
            calls = (folder / "calls").read_text().splitlines()
            self.assertEqual(calls.count('{"n": 1}'), 1, "a task whose result was stored is never repeated")
            self.assertEqual(server.stop(), 0)

    def until(self, sfn, execution, event_type):
        end = time.monotonic() + 30
        while True:
            events = sfn.get_execution_history(executionArn=execution)["events"]
            if any(e["type"] == event_type for e in events):
                return
            self.assertLess(time.monotonic(), end, f"no {event_type}")
            time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
