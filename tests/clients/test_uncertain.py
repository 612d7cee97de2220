"""Calls that are out when the server is killed: made again, with the same idempotency token, or failed, as configured."""

import http.server
import json
import pathlib
import tempfile
import threading
import unittest

from support import DEADLINE_SECONDS, Server, create, wait_for_end

RUN = {"applicationId": "a", "jobRunId": "r"}


class Case:
    """A task, the call that it makes, and where that has its idempotency token."""

    def __init__(self, resource, parameters, call, answer, token=None, section=None, later=()):
        self.resource, self.parameters, self.call, self.answer, self.token = resource, parameters, call, answer, token
        self.section, self.later = section, dict(later)


CASES = [
    Case("sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, "SendMessage", {"MessageId": "i"}, section="sqs"),
    Case("aws-sdk:athena:startQueryExecution", {"QueryString": "s"}, "StartQueryExecution", {"QueryExecutionId": "q"},
         token="ClientRequestToken", section="athena"),
    Case("ecs:runTask", {"TaskDefinition": "d"}, "RunTask", {"tasks": [], "failures": []}, token="clientToken", section="ecs"),
    Case("glue:startJobRun.sync", {"JobName": "j"}, "StartJobRun", {"JobRunId": "r"}, section="glue",
         later={"GetJobRun": {"JobRun": {"Id": "r", "JobRunState": "SUCCEEDED"}}}),
    Case("batch:submitJob.sync", {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}, "/v1/submitjob", {"jobId": "i"}, section="batch",
         later={"/v1/describejobs": {"jobs": [{"jobId": "i", "status": "SUCCEEDED"}]}}),
    Case("emr-serverless:startJobRun.sync", {"ApplicationId": "a", "ExecutionRoleArn": "arn:r"}, "/applications/a/jobruns", RUN,
         token="clientToken", section="emrserverless", later={"/applications/a/jobruns/r": {"jobRun": RUN | {"state": "SUCCESS"}}}),
    Case("bedrock:invokeModel", {"ModelId": "m", "Body": {}}, "/model/m/invoke", {"a": 1}, section="bedrockruntime"),
    Case("lambda:invoke", {"FunctionName": "f", "Payload": {}}, "/2015-03-31/functions/f/invocations", {"a": 1}, section="lambda"),
    Case("http:invoke", None, "/task", {"a": 1}, section=None),
]


class Service(http.server.ThreadingHTTPServer):
    """All services at once. Calls that a server is to be killed in wait for the gate; every request is kept."""

    daemon_threads = True

    def __init__(self, held, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.held, self.answers, self.calls = set(held), answers, []
        self.gate, self.arrived = threading.Event(), threading.Condition()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def bodies(self, call):
        return [body for name, body in self.calls if name == call]

    def wait_for(self, *calls):
        with self.arrived:
            if not self.arrived.wait_for(lambda: all(self.bodies(call) for call in calls), timeout=DEADLINE_SECONDS):
                raise AssertionError(f"no call of {[call for call in calls if not self.bodies(call)]}")

    def __exit__(self, *_):
        self.gate.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = self.headers.get("X-Amz-Target", self.path).split(".")[-1]
        service = self.server
        with service.arrived:
            service.calls.append((call, body))
            service.arrived.notify_all()
        if call in service.held:
            service.gate.wait(4 * DEADLINE_SECONDS)
        text = json.dumps(service.answers.get(call, {})).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text)
        except (BrokenPipeError, ConnectionResetError):
            # The server that asked was killed.
            self.close_connection = True


class Uncertain(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def service(self, held, answers):
        service = Service(held, answers)
        self.addCleanup(service.__exit__)
        return service

    def server(self, service, on_uncertain):
        config = self.directory / "stepwell.toml"
        sections = [f'[integrations.{case.section}]\non_uncertain = "{on_uncertain}"\n' for case in CASES if case.section]
        sections.append(f'[http]\nallow = ["127.0.0.1:*"]\non_uncertain = "{on_uncertain}"\n[connections.open]\ntype = "none"\n')
        config.write_text("".join(sections))
        server = Server(data_dir=self.directory / "data", config=config, environment={"AWS_ENDPOINT_URL": service.url})
        self.addCleanup(lambda: server.process.poll() is None and server.stop())
        return server

    def start(self, sfn, service, case, name, **more):
        parameters = case.parameters or {
            "ApiEndpoint": service.url + "/task", "Method": "POST", "RequestBody": {"a": 1},
            "InvocationConfig": {"ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/open/x"}}
        state = {"Type": "Task", "Resource": f"arn:aws:states:::{case.resource}", "Parameters": parameters, "End": True, **more}
        machine = create(sfn, name, {"StartAt": "Call", "States": {"Call": state}})
        return sfn.start_execution(stateMachineArn=machine)["executionArn"]

    def killed_in_all_calls(self, on_uncertain, **more):
        """Starts a task of each case, kills the server while all calls are out, and gives what became of each."""
        answers = {case.call: case.answer for case in CASES} | {call: answer for case in CASES for call, answer in case.later.items()}
        service = self.service([case.call for case in CASES], answers)
        server = self.server(service, on_uncertain)
        sfn = server.client()
        executions = [self.start(sfn, service, case, f"m{number}", **more) for number, case in enumerate(CASES)]
        service.wait_for(*(case.call for case in CASES))
        server.kill()
        service.gate.set()
        sfn = self.server(service, on_uncertain).client()
        return service, [wait_for_end(sfn, execution) for execution in executions]

    def test_calls_are_made_again_with_the_same_token(self):
        service, ended = self.killed_in_all_calls("resend")
        for case, described in zip(CASES, ended, strict=True):
            with self.subTest(case.resource):
                self.assertEqual(described["status"], "SUCCEEDED", described)
                bodies = service.bodies(case.call)
                self.assertEqual(len(bodies), 2)
                self.assertEqual(bodies[0], bodies[1])
                if case.token:
                    self.assertRegex(json.loads(bodies[0])[case.token], "^[0-9a-f-]{36}$")

    def test_calls_are_failed_where_that_is_asked_for(self):
        service, ended = self.killed_in_all_calls("fail")
        for case, described in zip(CASES, ended, strict=True):
            with self.subTest(case.resource):
                self.assertEqual((described["status"], described["error"]), ("FAILED", "States.TaskFailed"))
                self.assertRegex(described["cause"], r"^The server ended while .+ was being called, so it is not known whether ")
                setting = f"integrations.{case.section}.on_uncertain" if case.section else "http.on_uncertain"
                self.assertIn(f"{setting} is set to fail such calls.", described["cause"])
                self.assertEqual(len(service.bodies(case.call)), 1)

    def test_a_failed_call_is_for_retry_and_has_another_token_then(self):
        service, ended = self.killed_in_all_calls("fail", Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1}])
        for case, described in zip(CASES, ended, strict=True):
            with self.subTest(case.resource):
                self.assertEqual(described["status"], "SUCCEEDED", described)
                bodies = service.bodies(case.call)
                self.assertEqual(len(bodies), 2)
                if case.token:
                    self.assertNotEqual(json.loads(bodies[0])[case.token], json.loads(bodies[1])[case.token])

    def test_looking_at_a_job_is_never_uncertain(self):
        case = next(case for case in CASES if case.resource == "glue:startJobRun.sync")
        service = self.service(["GetJobRun"], {case.call: case.answer} | case.later)
        server = self.server(service, "fail")
        execution = self.start(server.client(), service, case, "looked-at")
        service.wait_for("GetJobRun")
        server.kill()
        service.gate.set()
        described = wait_for_end(self.server(service, "fail").client(), execution)
        self.assertEqual(described["status"], "SUCCEEDED", described)
        self.assertEqual(len(service.bodies(case.call)), 1)

    def test_a_cancellation_is_made_again(self):
        case = next(case for case in CASES if case.resource == "glue:startJobRun.sync")
        running = {"JobRun": {"Id": "r", "JobRunState": "RUNNING"}}
        service = self.service(["BatchStopJobRun"], {case.call: case.answer, "GetJobRun": running})
        server = self.server(service, "fail")
        sfn = server.client()
        execution = self.start(sfn, service, case, "given-up")
        service.wait_for("GetJobRun")
        sfn.stop_execution(executionArn=execution)
        service.wait_for("BatchStopJobRun")
        server.kill()
        service.calls.clear()
        service.gate.set()
        self.server(service, "fail")
        service.wait_for("BatchStopJobRun")
        self.assertEqual(json.loads(service.bodies("BatchStopJobRun")[0]), {"JobName": "j", "JobRunIds": ["r"]})


if __name__ == "__main__":
    unittest.main()
