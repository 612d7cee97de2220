"""Batch jobs and ECS tasks on this machine: the same states as against a server that speaks the services' APIs."""

import json
import pathlib
import tempfile
import unittest

from support import Server
from test_aws_services import Moto, call, ended, start

CONFIGURATION = """
[batch.job_definitions.here]
command = ["sh", "-c", "echo $GREETING Ref::who"]
env = { GREETING = "hello" }
parameters = { who = "nobody" }

[batch.job_definitions.bad]
command = ["sh", "-c", "exit 3"]

[ecs.task_definitions.here]
command = ["sh", "-c", "exit $CODE"]
env = { CODE = "0" }
"""

SUBMIT = {"JobName": "j", "JobQueue": "jobs", "JobDefinition": "here"}


class LocalJobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = Moto()
        try:
            iam = cls.moto.client("iam")
            trust = json.dumps({"Version": "2012-10-17", "Statement": []})
            role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            batch = cls.moto.client("batch")
            environment = batch.create_compute_environment(
                computeEnvironmentName="environment", type="UNMANAGED", state="ENABLED", serviceRole=role)["computeEnvironmentArn"]
            batch.create_job_queue(
                jobQueueName="jobs", state="ENABLED", priority=1,
                computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}])
            for name in ("here", "there"):
                batch.register_job_definition(
                    jobDefinitionName=name, type="container",
                    containerProperties={"image": "busybox", "vcpus": 1, "memory": 128, "command": ["true"]})
            cls.directory = tempfile.TemporaryDirectory()
            config = pathlib.Path(cls.directory.name) / "stepwell.toml"
            config.write_text(CONFIGURATION)
            variables = {"AWS_ENDPOINT_URL": cls.moto.url}
            cls.far = Server(environment=variables)
            cls.near = Server(config=config, data_dir=pathlib.Path(cls.directory.name) / "data", environment=variables)
        except BaseException:
            cls.moto.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.near.stop()
        cls.far.stop()
        cls.moto.stop()
        cls.directory.cleanup()

    def test_the_same_state_gives_a_result_with_the_same_members(self):
        results, histories = [], []
        for server in (self.near, self.far):
            sfn = server.client()
            execution = start(sfn, "batch:submitJob.sync", SUBMIT, "same")
            results.append(ended(sfn, execution))
            events = sfn.get_execution_history(executionArn=execution)["events"]
            histories.append([event["type"] for event in events])
        near, far = results
        self.assertEqual((near["Status"], far["Status"]), ("SUCCEEDED", "SUCCEEDED"))
        # moto has members without a value too, and those of the definition's container.
        missing = {name for name, value in far.items() if value not in (None, {}, [])} - set(near)
        self.assertEqual(missing, set())
        for member in ("JobName", "JobDefinition", "JobQueue"):
            self.assertEqual(near[member], far[member], member)
        for member in ("CreatedAt", "StartedAt", "StoppedAt"):
            self.assertIs(type(near[member]), type(far[member]), member)
        missing = {name for name, value in far["Container"].items() if value not in (None, {}, [], False)} - set(near["Container"])
        self.assertEqual(missing - {"Image", "Memory", "Vcpus"}, set())
        self.assertEqual(histories[0], histories[1])

    def test_a_submission_answers_with_the_same_members(self):
        near, far = (call(server.client(), "batch:submitJob", SUBMIT, "submission") for server in (self.near, self.far))
        self.assertEqual(set(near), set(far))
        near, far = (call(server.client(), "aws-sdk:batch:submitJob", SUBMIT, "sdk") for server in (self.near, self.far))
        self.assertEqual(set(near), set(far))

    def test_what_has_no_section_goes_to_the_endpoint(self):
        result = call(self.near.client(), "batch:submitJob.sync", SUBMIT | {"JobDefinition": "there"}, "there")
        self.assertEqual(result["Status"], "SUCCEEDED")
        found, cause = call(self.near.client(), "batch:submitJob.sync", SUBMIT | {"JobDefinition": "nowhere"}, "nowhere")
        self.assertEqual(found, "Batch.ClientException", cause)

    def test_a_job_is_seen_through_the_sdk_as_through_the_optimized_integration(self):
        sfn = self.near.client()
        job = call(sfn, "batch:submitJob.sync", SUBMIT | {"Parameters": {"who": "world"}}, "seen")
        described = call(sfn, "aws-sdk:batch:describeJobs", {"Jobs": [job["JobId"]]}, "described")
        self.assertEqual(described["Jobs"], [job])
        log = pathlib.Path(self.directory.name) / "data" / "jobs" / job["Container"]["LogStreamName"]
        self.assertEqual(log.read_text(), "hello world\n")
        listed = call(sfn, "aws-sdk:batch:listJobs", {"JobQueue": "jobs", "JobStatus": "SUCCEEDED"}, "listed")
        self.assertIn(job["JobId"], [summary["JobId"] for summary in listed["JobSummaryList"]])

    def test_failures_have_the_names_and_causes_of_aws(self):
        sfn = self.near.client()
        found, cause = call(sfn, "batch:submitJob.sync", SUBMIT | {"JobDefinition": "bad"}, "bad")
        self.assertEqual((found, json.loads(cause)["Container"]["ExitCode"]), ("States.TaskFailed", 3))
        overrides = {"ContainerOverrides": [{"Name": "here", "Environment": [{"Name": "CODE", "Value": "4"}]}]}
        found, cause = call(sfn, "ecs:runTask.sync", {"TaskDefinition": "here", "Overrides": overrides}, "bad-task")
        self.assertEqual((found, json.loads(cause)["Containers"][0]["ExitCode"]), ("States.TaskFailed", 4))
        found, cause = call(sfn, "batch:submitJob.sync", SUBMIT | {"ArrayProperties": {"Size": 1}}, "refused")
        self.assertEqual(found, "Batch.ClientException")
        self.assertRegex(cause, r"^the size of an array job must .* \(Service: AWSBatch; Status Code: 400; Error Code: ClientException; ")

    def test_a_task_has_the_members_of_a_task_on_aws(self):
        task = call(self.near.client(), "ecs:runTask.sync", {"TaskDefinition": "here", "LaunchType": "FARGATE"}, "task")
        recorded = {
            "Attachments", "Attributes", "AvailabilityZone", "ClusterArn", "Connectivity", "ConnectivityAt", "Containers", "CreatedAt",
            "DesiredStatus", "EnableExecuteCommand", "ExecutionStoppedAt", "Group", "InferenceAccelerators", "LastStatus", "LaunchType",
            "Overrides", "PullStartedAt", "PullStoppedAt", "StartedAt", "StartedBy", "StopCode", "StoppedAt", "StoppedReason",
            "StoppingAt", "Tags", "TaskArn", "TaskDefinitionArn", "Version"}
        self.assertEqual(recorded - set(task), set())
        container = {
            "ContainerArn", "Cpu", "ExitCode", "GpuIds", "LastStatus", "ManagedAgents", "Name", "NetworkBindings", "NetworkInterfaces",
            "RuntimeId", "TaskArn"}
        self.assertEqual(container - set(task["Containers"][0]), set())


if __name__ == "__main__":
    unittest.main()
