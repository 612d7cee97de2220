"""Status change events, of which none is lost to kill -9, and execution logs."""

import hashlib
import hmac
import http.server
import json
import pathlib
import tempfile
import threading
import time
import unittest

from support import DEADLINE_SECONDS, PASS, ROLE, Server, create, free_port, wait_for_end

SECRET = "webhook secret"


class Receiver:
    """A webhook that keeps what it is told."""

    def __init__(self, port):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.headers["X-Stepwell-Signature"], body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Events(unittest.TestCase):
    def test_events_owed_at_kill_9_arrive_after_the_restart(self):
        with tempfile.TemporaryDirectory() as directory:
            port = free_port()
            config = pathlib.Path(directory, "stepwell.toml")
            config.write_text(
                f'[[events.webhooks]]\nurl = "http://127.0.0.1:{port}/events"\nsecret_env = "HOOK"\n'
                'statuses = ["SUCCEEDED"]\n'
            )
            data = pathlib.Path(directory, "data")
            environment = {"HOOK": SECRET}
            server = Server(data_dir=data, config=config, environment=environment)
            sfn = server.client()
            arn = create(sfn, "m", PASS)
            executions = {sfn.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(50)}
            for execution in executions:
                wait_for_end(sfn, execution)
            server.kill()

            receiver = Receiver(port)
            server = Server(data_dir=data, config=config, environment=environment)
            end = time.monotonic() + DEADLINE_SECONDS
            while len(receiver.received) < len(executions) and time.monotonic() < end:
                time.sleep(0.01)
            server.stop()
            receiver.stop()
            told = [json.loads(body) for _, body in receiver.received]
            self.assertEqual({event["detail"]["executionArn"] for event in told}, executions)
            self.assertEqual({event["detail"]["status"] for event in told}, {"SUCCEEDED"})
            for signature, body in receiver.received:
                digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                self.assertEqual(signature, f"sha256={digest}")


class Logs(unittest.TestCase):
    def test_logs_go_where_the_configuration_says_else_into_the_data_directory(self):
        with tempfile.TemporaryDirectory() as directory:
            config = pathlib.Path(directory, "stepwell.toml")
            config.write_text('[logs.groups.mapped]\nfile = "mapped.jsonl"\n')
            data = pathlib.Path(directory, "data")
            server = Server(data_dir=data, config=config)
            sfn = server.client()
            executions = {}
            for group in ("mapped", "other"):
                arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
                machine = sfn.create_state_machine(
                    name=group,
                    definition=json.dumps(PASS),
                    roleArn=ROLE,
                    loggingConfiguration={
                        "level": "ALL",
                        "includeExecutionData": True,
                        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
                    },
                )["stateMachineArn"]
                executions[group] = sfn.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
                wait_for_end(sfn, executions[group])
            server.stop()
            for group, path in (("mapped", pathlib.Path(directory, "mapped.jsonl")), ("other", data / "logs/executions.jsonl")):
                records = [json.loads(line) for line in path.read_text().splitlines()]
                self.assertEqual([record["id"] for record in records], ["1", "2", "3", "4"])
                self.assertEqual({record["execution_arn"] for record in records}, {executions[group]})
                self.assertEqual(records[0]["type"], "ExecutionStarted")
                self.assertEqual(records[0]["details"]["input"], '{"a": 1}')


if __name__ == "__main__":
    unittest.main()
