"""Tasks that call AWS services, against moto (which speaks the services' APIs) and against stubs that misbehave."""

import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support import DEADLINE_SECONDS, Server, create, free_port, wait_for_end

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


class Moto:
    """`moto_server` on a free port; it runs neither functions nor containers."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = tempfile.TemporaryFile()
        program = pathlib.Path(sys.executable).with_name("moto_server")
        environment = os.environ | {"MOTO_ACCOUNT_ID": ACCOUNT, "MOTO_ECS_NEW_ARN": "true"}
        self.process = subprocess.Popen(
            [str(program), "-p", str(self.port)], stdout=self.log, stderr=self.log, env=environment)
        end = time.monotonic() + 4 * DEADLINE_SECONDS
        while True:
            try:
                settings = json.dumps({"lambda": {"use_docker": False}, "batch": {"use_docker": False}}).encode()
                urllib.request.urlopen(self.url + "/moto-api/config", data=settings, timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError("moto did not start") from None
                time.sleep(0.05)

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="x")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def machine(resource, parameters, **more):
    return {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True, **more}}}


def start(sfn, resource, parameters, name, **more):
    arn = create(sfn, name, machine(resource, parameters, **more))
    return sfn.start_execution(stateMachineArn=arn)["executionArn"]


def call(sfn, resource, parameters, name, **more):
    """Runs a machine with one task; gives its output, or (error, cause)."""
    return ended(sfn, start(sfn, resource, parameters, name, **more))


def ended(sfn, execution):
    described = wait_for_end(sfn, execution)
    if described["status"] == "SUCCEEDED":
        return json.loads(described["output"])
    return described.get("error"), described.get("cause")


class AgainstMoto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = Moto()
        try:
            cls.prepare()
            cls.server = Server(environment={"AWS_ENDPOINT_URL": cls.moto.url})
            cls.sfn = cls.server.client()
        except BaseException:
            cls.moto.stop()
            raise

    @classmethod
    def prepare(cls):
        moto = cls.moto
        cls.queue = moto.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        cls.topic = moto.client("sns").create_topic(Name="t")["TopicArn"]
        moto.client("dynamodb").create_table(
            TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
        moto.client("s3").create_bucket(Bucket="bucket")
        moto.client("secretsmanager").create_secret(Name="secret", SecretString="text")
        moto.client("ssm").put_parameter(Name="p", Value="v", Type="String")
        iam = moto.client("iam")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        moto.client("lambda").create_function(
            FunctionName="f", Runtime="python3.11", Role=role, Handler="a.b", Code={"ZipFile": cls.archive()})
        ec2 = moto.client("ec2")
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:1]
        batch = moto.client("batch")
        environment = batch.create_compute_environment(
            computeEnvironmentName="environment", type="UNMANAGED", state="ENABLED", serviceRole=role)["computeEnvironmentArn"]
        batch.create_job_queue(
            jobQueueName="jobs", state="ENABLED", priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}])
        batch.register_job_definition(
            jobDefinitionName="job", type="container",
            containerProperties={"image": "busybox", "vcpus": 1, "memory": 128, "command": ["true"]})
        ecs = moto.client("ecs")
        ecs.create_cluster(clusterName="c")
        ecs.register_task_definition(
            family="task", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=[{"name": "one", "image": "busybox", "cpu": 64, "memory": 128}])
        groups = [group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]][:1]
        cls.network = {"AwsvpcConfiguration": {"Subnets": subnets, "SecurityGroups": groups}}
        moto.client("glue").create_job(Name="job", Role=role, Command={"Name": "glueetl", "ScriptLocation": "s3://bucket/x"})

    @staticmethod
    def archive():
        import io
        import zipfile

        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.py", "def b(event, context): return event\n")
        return buffer.getvalue()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.moto.stop()

    def test_calls_give_the_results_of_the_services(self):
        metadata = {"SdkHttpMetadata", "SdkResponseMetadata"}
        cases = [
            ("sqs:sendMessage", {"QueueUrl": self.queue, "MessageBody": {"a": 1}}, {"MD5OfMessageBody", "MessageId"} | metadata),
            ("aws-sdk:sqs:getQueueAttributes", {"QueueUrl": self.queue, "AttributeNames": ["All"]}, {"Attributes"}),
            ("sns:publish", {"TopicArn": self.topic, "Message": {"a": 1}}, {"MessageId"} | metadata),
            ("dynamodb:putItem", {"TableName": "t", "Item": {"id": {"S": "a"}, "b": {"B": "aGk="}}}, metadata),
            ("events:putEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": {"a": 1}}]}, {"Entries", "FailedEntryCount"}),
            ("aws-sdk:s3:putObject", {"Bucket": "bucket", "Key": "a/b c", "Body": {"a": 1}}, {"ETag", "ChecksumCRC32"}),
            ("aws-sdk:secretsmanager:getSecretValue", {"SecretId": "secret"}, {"ARN", "CreatedDate", "Name", "SecretString", "VersionId", "VersionStages"}),
            ("aws-sdk:ssm:getParameter", {"Name": "p"}, {"Parameter"}),
            ("aws-sdk:sts:getCallerIdentity", {}, {"Account", "Arn", "UserId"}),
            ("aws-sdk:iam:getRole", {"RoleName": "r"}, {"Role"}),
            ("aws-sdk:ec2:describeVpcs", {"Filters": [{"Name": "isDefault", "Values": ["true"]}]}, {"Vpcs"}),
            ("aws-sdk:lambda:listFunctions", {}, {"Functions"}),
            ("lambda:invoke", {"FunctionName": "f", "Payload": {"a": 1}}, None),
            ("glue:startJobRun", {"JobName": "job"}, {"JobName", "JobRunId"} | metadata),
            ("athena:startQueryExecution", {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://bucket/o"}}, {"QueryExecutionId"} | metadata),
            ("batch:submitJob", {"JobName": "j", "JobQueue": "jobs", "JobDefinition": "job"}, {"JobArn", "JobId", "JobName"} | metadata),
            ("ecs:runTask", {"Cluster": "c", "TaskDefinition": "task", "LaunchType": "FARGATE", "NetworkConfiguration": self.network}, {"Failures", "Tasks"} | metadata),
        ]
        for number, (resource, parameters, members) in enumerate(cases):
            with self.subTest(resource):
                output = call(self.sfn, resource, parameters, f"good-{number}")
                self.assertIsInstance(output, dict, output)
                if members is not None:
                    self.assertEqual(set(output), members)

    def test_what_was_written_is_read_back(self):
        call(self.sfn, "aws-sdk:s3:putObject", {"Bucket": "bucket", "Key": "k", "Body": "text", "Metadata": {"aB": "c"}}, "put")
        read = call(self.sfn, "aws-sdk:s3:getObject", {"Bucket": "bucket", "Key": "k"}, "get")
        # A body is the JSON of its value (recorded), and one without bytes is there too.
        self.assertEqual((read["Body"], read["ContentLength"], read["ContentType"]), ('"text"', 6, "text/plain; charset=UTF-8"))
        self.moto.client("s3").put_object(Bucket="bucket", Key="empty")
        self.assertEqual(call(self.sfn, "aws-sdk:s3:getObject", {"Bucket": "bucket", "Key": "empty"}, "get-empty")["Body"], "")
        item = {"id": {"S": "x"}, "n": {"N": "1"}, "eTag": {"M": {"k": {"L": [{"B": "aGk="}]}}}}
        call(self.sfn, "dynamodb:putItem", {"TableName": "t", "Item": item}, "put-item")
        read = call(self.sfn, "dynamodb:getItem", {"TableName": "t", "Key": {"id": {"S": "x"}}}, "get-item")
        self.assertEqual(read["Item"], item)
        body = json.loads(self.moto.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=1).get("Messages", [{"Body": "{}"}])[0]["Body"])
        self.assertIsInstance(body, dict)

    def test_modelled_errors_have_the_names_and_causes_of_the_sdks(self):
        cases = [
            ("sqs:sendMessage", {"QueueUrl": self.moto.url + "/0/none", "MessageBody": "m"}, "SQS.QueueDoesNotExistException"),
            ("aws-sdk:sqs:sendMessage", {"QueueUrl": self.moto.url + "/0/none", "MessageBody": "m"}, "Sqs.QueueDoesNotExistException"),
            ("sns:publish", {"TopicArn": self.topic + "-none", "Message": "m"}, "SNS.NotFoundException"),
            ("dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "a"}}}, "DynamoDB.ResourceNotFoundException"),
            ("aws-sdk:dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "a"}}}, "DynamoDb.ResourceNotFoundException"),
            ("aws-sdk:s3:getObject", {"Bucket": "bucket", "Key": "none"}, "S3.NoSuchKeyException"),
            ("aws-sdk:s3:listObjectsV2", {"Bucket": "none"}, "S3.NoSuchBucketException"),
            ("aws-sdk:secretsmanager:getSecretValue", {"SecretId": "none"}, "SecretsManager.ResourceNotFoundException"),
            ("aws-sdk:ssm:getParameter", {"Name": "none"}, "Ssm.ParameterNotFoundException"),
            ("aws-sdk:iam:getRole", {"RoleName": "none"}, "Iam.NoSuchEntityException"),
            ("aws-sdk:ec2:describeInstances", {"InstanceIds": ["i-00000000000000000"]}, "Ec2.Ec2Exception"),
            ("aws-sdk:lambda:getFunction", {"FunctionName": "none"}, "Lambda.ResourceNotFoundException"),
            ("aws-sdk:eventbridge:describeRule", {"Name": "none"}, "EventBridge.ResourceNotFoundException"),
            ("glue:startJobRun.sync", {"JobName": "none"}, "Glue.EntityNotFoundException"),
            ("batch:submitJob.sync", {"JobName": "j", "JobQueue": "none", "JobDefinition": "job"}, "Batch.ClientException"),
            ("ecs:runTask.sync", {"Cluster": "none", "TaskDefinition": "task"}, "ECS.ClusterNotFoundException"),
        ]
        for number, (resource, parameters, error) in enumerate(cases):
            with self.subTest(resource):
                found, cause = call(self.sfn, resource, parameters, f"bad-{number}")
                self.assertEqual(found, error, cause)
                form = r"\(Service: \w+, Status Code: \d+, Request ID: .+\) \(SDK Attempt Count: 1\)$"
                if not resource.startswith("aws-sdk"):
                    form = r"\(Service: \w+; Status Code: \d+; Error Code: .+; Request ID: .+; Proxy: null\)$"
                self.assertRegex(cause, form)

    def test_jobs_are_waited_for(self):
        cases = [
            ("batch:submitJob.sync", {"JobName": "j", "JobQueue": "jobs", "JobDefinition": "job"}, ("Status", "SUCCEEDED")),
            ("ecs:runTask.sync", {"Cluster": "c", "TaskDefinition": "task", "LaunchType": "FARGATE", "NetworkConfiguration": self.network}, ("LastStatus", "STOPPED")),
            ("glue:startJobRun.sync", {"JobName": "job"}, ("JobRunState", "SUCCEEDED")),
            ("athena:startQueryExecution.sync", {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://bucket/o"}}, ("QueryExecution", None)),
        ]
        for number, (resource, parameters, (member, value)) in enumerate(cases):
            with self.subTest(resource):
                execution = start(self.sfn, resource, parameters, f"job-{number}")
                output = ended(self.sfn, execution)
                self.assertIsInstance(output, dict, output)
                if value:
                    self.assertEqual(output[member], value)
                events = [event["type"] for event in self.sfn.get_execution_history(executionArn=execution)["events"]]
                self.assertEqual(
                    events[1:6], ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"])

    def test_what_step_functions_adds_is_shown(self):
        execution = start(self.sfn, "batch:submitJob.sync", {"JobName": "j", "JobQueue": "jobs", "JobDefinition": "job"}, "added")
        ended(self.sfn, execution)
        scheduled = self.sfn.get_execution_history(executionArn=execution)["events"][2]["taskScheduledEventDetails"]
        self.assertEqual(
            json.loads(scheduled["parameters"])["ContainerOverrides"]["Environment"],
            [{"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}])

    def test_a_task_can_take_on_a_role(self):
        output = call(self.sfn, "aws-sdk:sts:getCallerIdentity", {}, "own")
        self.assertNotIn("assumed-role", output["Arn"])
        credentials = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
        output = call(self.sfn, "aws-sdk:sts:getCallerIdentity", {}, "as-role", Credentials=credentials)
        self.assertEqual(output["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/r/stepwell")

    def test_a_token_ends_a_task_that_waits_for_it(self):
        url = self.moto.client("sqs").create_queue(QueueName="tokens")["QueueUrl"]
        execution = start(self.sfn, "sqs:sendMessage.waitForTaskToken", {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"}, "token")
        end = time.monotonic() + DEADLINE_SECONDS
        messages = []
        while not messages and time.monotonic() < end:
            messages = self.moto.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        self.sfn.send_task_success(taskToken=messages[0]["Body"], output='{"done":true}')
        self.assertEqual(ended(self.sfn, execution), {"done": True})

    def test_parameters_are_checked_when_a_definition_is_created(self):
        cases = [
            ("sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m", "Bodi": 1}, "The field 'Bodi' is not supported by Step Functions"),
            ("sqs:sendMessage", {"QueueUrl": "q"}, "The field 'MessageBody' is required but was missing"),
            ("aws-sdk:dynamodb:query", {"Table.$": "$.t"}, "The field 'Table' is not supported by Step Functions"),
            ("sqs:sendMesage", {}, "The resource provided arn:aws:states:::sqs:sendMesage is not recognized."),
            ("sqs:sendMessage.sync", {}, "The resource provided arn:aws:states:::sqs:sendMessage.sync is not recognized."),
            ("aws-sdk:sqz:sendMessage", {}, "The resource provided arn:aws:states:::aws-sdk:sqz:sendMessage is not recognized."),
        ]
        for resource, parameters, message in cases:
            with self.subTest(resource):
                with self.assertRaises(self.sfn.exceptions.InvalidDefinition) as caught:
                    create(self.sfn, "refused", machine(resource, parameters))
                self.assertIn(message, str(caught.exception))
        found, cause = call(self.sfn, "sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m", "DelaySeconds": "x"}, "wrong-type")
        self.assertEqual(found, "States.Runtime")
        self.assertIn("The value of the field 'DelaySeconds' has an invalid format", cause)


class Trouble(unittest.TestCase):
    """Servers that are not there, that do not answer, and that are not allowed."""

    CASES = [
        ("sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, "SQS"),
        ("sns:publish", {"TopicArn": "t", "Message": "m"}, "SNS"),
        ("dynamodb:getItem", {"TableName": "t", "Key": {"id": {"S": "a"}}}, "DynamoDB"),
        ("events:putEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": {}}]}, "EventBridge"),
        ("batch:submitJob.sync", {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}, "Batch"),
        ("ecs:runTask.sync", {"TaskDefinition": "d"}, "ECS"),
        ("glue:startJobRun.sync", {"JobName": "j"}, "Glue"),
        ("athena:startQueryExecution.sync", {"QueryString": "s"}, "Athena"),
        ("aws-sdk:s3:getObject", {"Bucket": "b", "Key": "k"}, "S3"),
        ("aws-sdk:secretsmanager:getSecretValue", {"SecretId": "s"}, "SecretsManager"),
        ("aws-sdk:ssm:getParameter", {"Name": "n"}, "Ssm"),
        ("aws-sdk:sts:getCallerIdentity", {}, "Sts"),
        ("aws-sdk:lambda:listFunctions", {}, "Lambda"),
    ]

    def check(self, server, part):
        sfn = server.client()
        started = [
            (resource, prefix, start(sfn, resource, parameters, f"trouble-{number}"))
            for number, (resource, parameters, prefix) in enumerate(self.CASES)
        ]
        for resource, prefix, execution in started:
            with self.subTest(resource):
                error, cause = ended(sfn, execution)
                self.assertEqual(error, f"{prefix}.SdkClientException")
                self.assertIn("Unable to execute HTTP request: ", cause)
                self.assertIn(part, cause)

    def test_a_server_that_is_not_there(self):
        server = Server(environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"})
        try:
            self.check(server, "Connect to 127.0.0.1:")
        finally:
            server.stop()

    def test_a_server_that_does_not_answer(self):
        with socket.socket() as silent, tempfile.TemporaryDirectory() as directory:
            silent.bind(("127.0.0.1", 0))
            silent.listen(128)
            config = pathlib.Path(directory) / "stepwell.toml"
            services = ["sqs", "sns", "dynamodb", "events", "batch", "ecs", "glue", "athena", "s3", "secretsmanager", "ssm", "sts"]
            sections = [f"[integrations.{service}]\ntimeout_seconds = 1\n" for service in services]
            # Lambda's own section is that of its driver.
            config.write_text("".join(sections))
            cases = [case for case in self.CASES if case[2] != "Lambda"]
            server = Server(config=config, environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"})
            try:
                self.CASES, everything = cases, self.CASES
                self.check(server, "Read timed out")
                self.CASES = everything
            finally:
                server.stop()

    def test_aws_itself_is_not_called_unless_that_is_allowed(self):
        server = Server()
        try:
            self.check(server, "calls to AWS itself are not allowed")
        finally:
            server.stop()


class Stub(http.server.ThreadingHTTPServer):
    """Glue's jobs, as far as one task needs them; keeps every request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls, self.answers, self.state, self.lock = [], {}, "RUNNING", threading.Condition()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, operation):
        return sum(1 for name, *_ in self.calls if name == operation)

    def wait_for(self, operation):
        with self.lock:
            if not self.lock.wait_for(lambda: self.count(operation), timeout=DEADLINE_SECONDS):
                raise AssertionError(f"{operation} was not called")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionResetError:
            # The server was killed.
            self.close_connection = True

    def do_PUT(self):
        self.do_POST()

    def do_GET(self):
        self.do_POST()

    def do_DELETE(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.headers.get("X-Amz-Target", self.command).split(".")[-1]
        stub = self.server
        with stub.lock:
            stub.calls.append((operation, self.path, dict(self.headers.items()), body))
            stub.lock.notify_all()
        answer = {
            "StartJobRun": {"JobRunId": "run"},
            "GetJobRun": {"JobRun": {"Id": "run", "JobName": "job", "JobRunState": stub.state}},
        }.get(operation, stub.answers.get(operation, {}))
        text = b"" if operation == "PUT" else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if answer == 404:
            text = b'{"__type":"ResourceNotFoundException","message":"gone"}'
        self.send_response(404 if answer == 404 else 200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.end_headers()
        self.wfile.write(text)


class Jobs(unittest.TestCase):
    def setUp(self):
        self.stub = Stub()

    def tearDown(self):
        self.stub.shutdown()
        self.stub.server_close()

    def server(self, data_dir):
        return Server(data_dir=data_dir, environment={"AWS_ENDPOINT_URL_GLUE": self.stub.url})

    def test_a_restarted_server_goes_on_waiting_for_the_same_job(self):
        with tempfile.TemporaryDirectory() as directory:
            server = self.server(directory)
            execution = start(server.client(), "glue:startJobRun.sync", {"JobName": "job"}, "restarted")
            self.stub.wait_for("GetJobRun")
            server.kill()
            self.stub.state = "SUCCEEDED"
            server = self.server(directory)
            try:
                self.assertEqual(ended(server.client(), execution)["JobRunState"], "SUCCEEDED")
            finally:
                server.stop()
        self.assertEqual(self.stub.count("StartJobRun"), 1)

    def test_the_job_of_a_stopped_execution_is_cancelled(self):
        with tempfile.TemporaryDirectory() as directory:
            server = self.server(directory)
            try:
                sfn = server.client()
                execution = start(sfn, "glue:startJobRun.sync", {"JobName": "job"}, "stopped")
                self.stub.wait_for("GetJobRun")
                sfn.stop_execution(executionArn=execution)
                self.stub.wait_for("BatchStopJobRun")
            finally:
                server.stop()
        body = next(body for name, _, _, body in self.stub.calls if name == "BatchStopJobRun")
        self.assertEqual(json.loads(body), {"JobName": "job", "JobRunIds": ["run"]})

    def test_a_job_that_ended_badly_fails_the_task(self):
        self.stub.state = "TIMEOUT"
        with tempfile.TemporaryDirectory() as directory:
            server = self.server(directory)
            try:
                error, cause = call(server.client(), "glue:startJobRun.sync", {"JobName": "job"}, "bad")
            finally:
                server.stop()
        self.assertEqual((error, json.loads(cause)["JobRunState"]), ("States.TaskFailed", "TIMEOUT"))


def certificate(directory):
    """A key and a certificate for 127.0.0.1 that signs itself, in PEM files."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256()))
    files = pathlib.Path(directory) / "key.pem", pathlib.Path(directory) / "certificate.pem"
    files[0].write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    files[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return files


class Https(unittest.TestCase):
    def test_a_certificate_must_be_trusted(self):
        stub = Stub()
        with tempfile.TemporaryDirectory() as directory:
            key, chain = certificate(directory)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain, key)
            stub.socket = context.wrap_socket(stub.socket, server_side=True)
            url = stub.url.replace("http:", "https:")
            for bundle, is_trusted in [({}, False), ({"AWS_CA_BUNDLE": str(chain)}, True)]:
                server = Server(environment={"AWS_ENDPOINT_URL": url} | bundle)
                try:
                    output = call(server.client(), "glue:startJobRun", {"JobName": "job"}, "https")
                finally:
                    server.stop()
                if is_trusted:
                    self.assertEqual(output["JobRunId"], "run")
                else:
                    self.assertEqual(output[0], "Glue.SdkClientException")
                    self.assertIn("invalid peer certificate", output[1])
        stub.shutdown()
        stub.server_close()

    def test_without_credentials_aws_is_not_called(self):
        server = Server(arguments=["--allow-aws"], environment={"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"})
        try:
            sqs = call(server.client(), "sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, "no-keys")
            function = call(server.client(), "lambda:invoke", {"FunctionName": "f"}, "no-keys-for-a-function")
        finally:
            server.stop()
        for (error, cause), prefix in [(sqs, "SQS"), (function, "Lambda")]:
            self.assertEqual(error, f"{prefix}.SdkClientException")
            self.assertIn("Unable to load credentials", cause)


class OwnWords(unittest.TestCase):
    """Integrations whose parameters and results are not those of the operation."""

    def test_requests_and_results_have_the_words_of_each_side(self):
        step = {"Name": "s", "HadoopJarStep": {"Jar": "j"}}
        cases = [
            ("elasticmapreduce:createCluster.sync", {"Name": "n", "Instances": {}},
             {"RunJobFlow": {"JobFlowId": "j", "ClusterArn": "a"}, "DescribeCluster": {"Cluster": {"Id": "j", "Status": {"State": "WAITING"}}}},
             [("RunJobFlow", {"Name": "n", "Instances": {}}), ("DescribeCluster", {"ClusterId": "j"})],
             {"Cluster": {"Id": "j", "Status": {"State": "WAITING"}}, "ClusterId": "j"}),
            ("elasticmapreduce:terminateCluster.sync", {"ClusterId": "j"},
             {"DescribeCluster": {"Cluster": {"Id": "j", "Status": {"State": "TERMINATED"}}}},
             [("TerminateJobFlows", {"JobFlowIds": ["j"]}), ("DescribeCluster", {"ClusterId": "j"})],
             {"Cluster": {"Id": "j", "Status": {"State": "TERMINATED"}}}),
            ("elasticmapreduce:addStep.sync", {"ClusterId": "j", "Step": step},
             {"AddJobFlowSteps": {"StepIds": ["s-1"]}, "DescribeStep": {"Step": {"Id": "s-1", "Status": {"State": "COMPLETED"}}}},
             [("AddJobFlowSteps", {"JobFlowId": "j", "Steps": [step]}), ("DescribeStep", {"ClusterId": "j", "StepId": "s-1"})],
             {"Step": {"Id": "s-1", "Status": {"State": "COMPLETED"}}}),
            ("elasticmapreduce:cancelStep", {"ClusterId": "j", "StepId": "s-1"},
             {"CancelSteps": {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "SUBMITTED"}]}},
             [("CancelSteps", {"ClusterId": "j", "StepIds": ["s-1"]})],
             {"CancelStepsInfo": {"StepId": "s-1", "Status": "SUBMITTED"}}),
            ("elasticmapreduce:setClusterTerminationProtection", {"ClusterId": "j", "TerminationProtected": True}, {},
             [("SetTerminationProtection", {"JobFlowIds": ["j"], "TerminationProtected": True})], {}),
            ("elasticmapreduce:modifyInstanceFleetByName", {"ClusterId": "j", "InstanceFleetName": "f", "InstanceFleet": {"TargetSpotCapacity": 1}},
             {"ListInstanceFleets": {"InstanceFleets": [{"Id": "if-0", "Name": "other"}, {"Id": "if-1", "Name": "f"}]}},
             [("ListInstanceFleets", {"ClusterId": "j"}),
              ("ModifyInstanceFleet", {"ClusterId": "j", "InstanceFleet": {"InstanceFleetId": "if-1", "TargetSpotCapacity": 1}})], {}),
            ("elasticmapreduce:modifyInstanceGroupByName", {"ClusterId": "j", "InstanceGroupName": "g", "InstanceGroup": {"InstanceCount": 2}},
             {"ListInstanceGroups": {"InstanceGroups": [{"Id": "ig-1", "Name": "g"}]}},
             [("ListInstanceGroups", {"ClusterId": "j"}),
              ("ModifyInstanceGroups", {"ClusterId": "j", "InstanceGroups": [{"InstanceGroupId": "ig-1", "InstanceCount": 2}]})], {}),
            ("bedrock:invokeModel", {"ModelId": "m", "Body": {"prompt": "p"}}, {"POST": {"completion": "c"}},
             [("POST", {"prompt": "p"})], {"Body": {"completion": "c"}, "ContentType": "application/x-amz-json-1.1"}),
            ("codebuild:startBuild.sync", {"ProjectName": "p"},
             {"StartBuild": {"build": {"id": "b"}}, "BatchGetBuilds": {"builds": [{"id": "b", "buildStatus": "SUCCEEDED"}]}},
             None, {"Build": {"Id": "b", "BuildStatus": "SUCCEEDED"}}),
            ("eks:deleteCluster.sync", {"Name": "c"}, {"DELETE": {"cluster": {"name": "c"}}, "GET": 404}, None, {}),
        ]
        stub = Stub()
        server = Server(environment={"AWS_ENDPOINT_URL": stub.url})
        try:
            for number, (resource, parameters, answers, calls, result) in enumerate(cases):
                with self.subTest(resource):
                    stub.calls, stub.answers = [], answers
                    output = call(server.client(), resource, parameters, f"words-{number}")
                    self.assertIsInstance(output, dict, output)
                    self.assertEqual({k: v for k, v in output.items() if not k.startswith("Sdk")}, result)
                    if calls is not None:
                        self.assertEqual([(name, json.loads(body)) for name, _, _, body in stub.calls], calls)
        finally:
            server.stop()
            stub.shutdown()
            stub.server_close()

    def test_the_body_of_a_model_may_be_in_s3(self):
        moto, model = Moto(), Stub()
        server = Server(environment={"AWS_ENDPOINT_URL_S3": moto.url, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": model.url})
        self.addCleanup(moto.stop)
        self.addCleanup(model.server_close)
        self.addCleanup(model.shutdown)
        self.addCleanup(server.stop)
        s3, sfn = moto.client("s3"), server.client()
        s3.create_bucket(Bucket="bodies")
        # Both are longer than a task's parameters and result may be, and the answer is no text.
        asked, answered = json.dumps({"prompt": "ü" * 300_000}).encode(), b"\xff\x00" * 3_000_000
        s3.put_object(Bucket="bodies", Key="in/a b", Body=asked, ContentType="application/vnd.model+json")
        model.answers = {"POST": answered}
        there = {"Input": {"S3Uri": "s3://bodies/in/a b"}, "Output": {"S3Uri": "s3://bodies/out"}}
        output = call(sfn, "bedrock:invokeModel", {"ModelId": "m", **there}, "in-s3")
        self.assertEqual(output, {"Body": "s3://bodies/out", "ContentType": "application/x-amz-json-1.1"})
        _, path, headers, body = model.calls[0]
        self.assertEqual((path, headers["content-type"], body), ("/model/m/invoke", "application/vnd.model+json", asked))
        stored = s3.get_object(Bucket="bodies", Key="out")
        self.assertEqual((stored["ContentType"], stored["Body"].read()), ("application/x-amz-json-1.1", answered))
        # A content type that is given wins, and without Output the answer is the result.
        model.answers = {"POST": {"completion": "c"}}
        output = call(sfn, "bedrock:invokeModel", {"ModelId": "m", "Input": there["Input"], "ContentType": "application/json"}, "given")
        self.assertEqual(output["Body"], {"completion": "c"})
        self.assertEqual(model.calls[1][2]["content-type"], "application/json")
        error, cause = call(sfn, "bedrock:invokeModel", {"ModelId": "m", "Input": {"S3Uri": "s3://bodies/none"}}, "missing")
        self.assertEqual(error, "S3.NoSuchKeyException", cause)
        error, cause = call(sfn, "bedrock:invokeModel", {"ModelId": "m", "Body": {}, "Output": {"S3Uri": "s3://none/k"}}, "no-bucket")
        self.assertEqual(error, "S3.NoSuchBucketException", cause)
        for parameters, problem in [
            ({"Input": {"S3Uri": "https://bodies/in"}}, "The value of the field 'S3Uri' has an invalid format"),
            ({"Output": {"S3Uri": "s3://bodies"}}, "The value of the field 'S3Uri' has an invalid format"),
        ]:
            error, cause = call(sfn, "bedrock:invokeModel", {"ModelId": "m", **parameters}, f"bad-{len(cause)}")
            self.assertEqual(error, "States.Runtime")
            self.assertIn(problem, cause)
        self.assertEqual(len(model.calls), 3)

    def test_a_failing_entry_of_events_fails_the_task(self):
        stub = Stub()
        failed = {"Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}], "FailedEntryCount": 1}
        stub.answers = {"PutEvents": failed}
        server = Server(environment={"AWS_ENDPOINT_URL": stub.url})
        try:
            entry = {"Source": "s", "DetailType": "d", "Detail": "x"}
            error, cause = call(server.client(), "events:putEvents", {"Entries": [entry]}, "events")
        finally:
            server.stop()
            stub.shutdown()
            stub.server_close()
        self.assertEqual((error, json.loads(cause)), ("EventBridge.FailedEntry", failed))
        resources = json.loads(stub.calls[0][3])["Entries"][0]["Resources"]
        self.assertEqual([resource.split(":")[5] for resource in resources], ["stateMachine", "execution"])


ASSUMED = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>token</SessionToken><Expiration>2099-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class RolesOfFunctions(unittest.TestCase):
    """`Credentials` of a Lambda task in both forms."""

    ROLE = "arn:aws:iam::111122223333:role/r"

    def invoke(self, environment, config=""):
        """Calls a function in both forms with the role. Gives the headers of the calls, and what the last task came to."""
        stub = Stub()
        self.addCleanup(stub.server_close)
        self.addCleanup(stub.shutdown)
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "stepwell.toml"
            file.write_text(config)
            server = Server(config=file, environment={"AWS_ENDPOINT_URL_LAMBDA": stub.url} | environment)
            try:
                sfn, credentials = server.client(), {"RoleArn": self.ROLE}
                call(sfn, "lambda:invoke", {"FunctionName": "f", "Payload": {}}, "one", Credentials=credentials)
                state = {"Type": "Task", "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "Credentials": credentials, "End": True}
                arn = create(sfn, "other", {"StartAt": "F", "States": {"F": state}})
                outcome = ended(sfn, sfn.start_execution(stateMachineArn=arn)["executionArn"])
            finally:
                server.stop()
        return [{name.lower(): value for name, value in headers.items()} for _, _, headers, _ in stub.calls], outcome

    def check(self, calls, key, token):
        self.assertEqual(len(calls), 2)
        for headers in calls:
            self.assertIn(f"Credential={key}/", headers["authorization"])
            self.assertIn(f"/{REGION}/lambda/aws4_request", headers["authorization"])
            self.assertEqual(headers.get("x-amz-security-token"), token)

    def test_sts_gives_the_keys(self):
        sts = Stub()
        self.addCleanup(sts.server_close)
        self.addCleanup(sts.shutdown)
        sts.answers = {"POST": ASSUMED}
        calls, _ = self.invoke({"AWS_ENDPOINT_URL_STS": sts.url})
        self.check(calls, "ASIAROLE", "token")
        self.assertEqual(len(sts.calls), 1, "the keys of a role are kept")
        self.assertIn(b"Action=AssumeRole", sts.calls[0][3])

    def test_the_configuration_gives_the_keys(self):
        section = f'[aws.roles."{self.ROLE}"]\naccess_key_id = "AKIDROLE"\nsecret_access_key = "s"\nsession_token = "t"\n'
        calls, _ = self.invoke({}, section)
        self.check(calls, "AKIDROLE", "t")

    def test_without_both_the_account_of_the_role_is_the_key(self):
        calls, _ = self.invoke({})
        self.check(calls, "111122223333", None)

    def test_a_role_that_sts_refuses_fails_the_task(self):
        sts = Stub()
        self.addCleanup(sts.server_close)
        self.addCleanup(sts.shutdown)
        sts.answers = {"POST": 404}
        calls, (error, cause) = self.invoke({"AWS_ENDPOINT_URL_STS": sts.url})
        self.assertEqual((calls, error), ([], "States.TaskFailed"))
        self.assertIn(f"The role {self.ROLE} could not be assumed", cause)


class Signatures(unittest.TestCase):
    def test_requests_are_signed_as_botocore_signs_them(self):
        stub = Stub()
        environment = {
            "AWS_ENDPOINT_URL": stub.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/key",
            "AWS_SESSION_TOKEN": "token+/=",
        }
        server = Server(environment=environment)
        try:
            sfn = server.client()
            call(sfn, "glue:startJobRun", {"JobName": "jöb"}, "json")
            call(sfn, "aws-sdk:s3:putObject", {"Bucket": "bucket", "Key": "a b/ü", "Body": "text"}, "s3")
            call(sfn, "lambda:invoke", {"FunctionName": "f:live", "Payload": {"a": "ü"}, "ClientContext": "e30="}, "lambda")
            stub.answers = {"DescribeLogGroups": {"logGroups": [{"logGroupName": "g"}]}}
            group = {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g:*"}}
            create(sfn, "logged", machine("glue:startJobRun", {"JobName": "j"}), loggingConfiguration={"level": "ALL", "destinations": [group]})
        finally:
            server.stop()
            stub.shutdown()
            stub.server_close()
        for (operation, path, headers, body), service in zip(stub.calls, ["glue", "s3", "lambda", "logs"], strict=True):
            with self.subTest(operation):
                headers = {name.lower(): value for name, value in headers.items()}
                sent = headers["authorization"]
                signed = sent.split("SignedHeaders=")[1].split(",")[0].split(";")
                self.assertIn("host", signed)
                request = AWSRequest(
                    method=operation if operation == "PUT" else "POST", url=stub.url + path, data=body,
                    headers={name: headers[name] for name in signed})
                request.context["timestamp"] = headers["x-amz-date"]
                keys = Credentials("AKIDEXAMPLE", "secret/key", "token+/=")
                signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, REGION)
                canonical = signer.canonical_request(request)
                expected = signer.signature(signer.string_to_sign(request, canonical), request)
                self.assertEqual(sent.split("Signature=")[1], expected, canonical)


if __name__ == "__main__":
    unittest.main()
