"""The optimized integrations with a call of each, for optimized_cases.py.

`parameters` are a task's, `input` is what the API must be given where that is not the same in other letters, `answer` what
the API answers (a tuple is headers and body as they are), `result` what the task makes of it where that differs.
A `job` is looked at by `describe` with `ask`; `shown` gives the description with a status; `good` and `bad` are statuses
(or descriptions) that end it; `cancel` is the call that gives it up. `token`: parameters and input of a call with a task's
token. `extra` rows are single cases with an outcome of their own.
"""
ROLE = "arn:aws:iam::123456789012:role/r"
WHEN = "@t2024-01-02T03:04:05Z"
WHY = "The task of the state machine that waited for it was stopped"


def row(resource, endings, client, operation, parameters, answer, **more):
    return {"resource": resource, "endings": endings, "client": client, "operation": operation, "parameters": parameters, "answer": answer} | more


def extra(resources, about, client, operation, parameters, answer, outcome, **more):
    return {"resource": resources[0], "resources": resources, "about": about, "endings": "", "client": client, "operation": operation,
            "parameters": parameters, "answer": answer, "outcome": outcome, "is_extra": True} | more


def job(describe, ask, shown, running, good, bad, cancel=None, **more):
    return {"describe": describe, "ask": ask, "shown": shown, "running": running, "good": good, "bad": bad, "cancel": cancel} | more


ROWS = []

# Batch
SUBMITTED = {"jobArn": "arn:aws:batch:us-east-1:123456789012:job/i", "jobName": "j", "jobId": "i"}


def batch_job(status):
    detail = {
        "jobName": "j", "jobId": "i", "jobQueue": "q", "jobDefinition": "d:1", "status": status, "startedAt": 1700000000456,
        "createdAt": 1700000000123, "parameters": {"aB": "c"}, "dependsOn": [],
        "attempts": [{"container": {"exitCode": 0, "logStreamName": "l"}, "startedAt": 1700000000456}],
        "container": {"image": "busybox", "command": ["echo"], "environment": [{"name": "A", "value": "1"}], "exitCode": 0},
    }
    return {"jobs": [detail]}


MANAGED = {"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"}
BATCH = {"jobName": "j", "jobQueue": "q", "jobDefinition": "d", "parameters": {"aB": "c"}, "retryStrategy": {"attempts": 5}, "timeout": {"attemptDurationSeconds": 60}}
ROWS.append(row(
    "batch:submitJob", "RS", "batch", "SubmitJob",
    {"JobName": "j", "JobQueue": "q", "JobDefinition": "d", "Parameters": {"aB": "c"}, "RetryStrategy": {"attempts": 5}, "Timeout": {"AttemptDurationSeconds": 60},
     "ContainerOverrides": {"Environment": [{"Name": "A", "Value": "1"}], "Command": ["echo", "x"]}},
    SUBMITTED,
    input=BATCH | {"containerOverrides": {"environment": [{"name": "A", "value": "1"}], "command": ["echo", "x"]}},
    sync_input=BATCH | {"containerOverrides": {"environment": [{"name": "A", "value": "1"}, MANAGED], "command": ["echo", "x"]}},
    job=job("DescribeJobs", {"jobs": ["i"]}, batch_job, ["SUBMITTED", "RUNNABLE", "RUNNING"], ["SUCCEEDED"], ["FAILED"],
            ("TerminateJob", {"jobId": "i", "reason": WHY}, {}), result=lambda described: described["Jobs"][0])))

# ECS
TASK_ARN, CLUSTER_ARN = "arn:aws:ecs:us-east-1:123456789012:task/c/t", "arn:aws:ecs:us-east-1:123456789012:cluster/c"


def ecs_task(status, exit_code=None, **more):
    container = {"containerArn": "arn:c", "taskArn": TASK_ARN, "name": "one", "lastStatus": status, "networkInterfaces": [{"attachmentId": "a", "privateIpv4Address": "10.0.0.1"}]}
    if exit_code is not None:
        container["exitCode"] = exit_code
    task = {"taskArn": TASK_ARN, "clusterArn": CLUSTER_ARN, "taskDefinitionArn": "arn:d:1", "lastStatus": status, "desiredStatus": "STOPPED",
            "createdAt": WHEN, "containers": [container], "startedBy": "AWS Step Functions", "version": 3}
    return {"tasks": [task | more], "failures": []}


ECS = {"cluster": "c", "taskDefinition": "d", "launchType": "FARGATE",
       "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}}
ECS_OVERRIDES = [{"name": "one", "environment": [{"name": "TOKEN", "value": "@token"}]}]
ROWS.append(row(
    "ecs:runTask", "RST", "ecs", "RunTask",
    {"Cluster": "c", "TaskDefinition": "d", "LaunchType": "FARGATE",
     "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "ENABLED"}}},
    ecs_task("PROVISIONING"), input=ECS, sync_input=ECS | {"startedBy": "AWS Step Functions"},
    token=({"TaskDefinition": "d", "Overrides": {"ContainerOverrides": [{"Name": "one", "Environment": [{"Name": "TOKEN", "Value.$": "$$.Task.Token"}]}]}},
           {"taskDefinition": "d", "overrides": {"containerOverrides": ECS_OVERRIDES}}),
    job=job("DescribeTasks", {"tasks": [TASK_ARN], "cluster": CLUSTER_ARN}, ecs_task, ["PENDING", "RUNNING"],
            [ecs_task("STOPPED", 0, stopCode="EssentialContainerExited", stoppedAt=WHEN)],
            [ecs_task("STOPPED", 3, stopCode="EssentialContainerExited"),
             ecs_task("STOPPED", stopCode="TaskFailedToStart", stoppedReason="CannotPullContainerError: none")],
            ("StopTask", {"task": TASK_ARN, "cluster": CLUSTER_ARN, "reason": WHY}, ecs_task("RUNNING") and {"task": ecs_task("RUNNING")["tasks"][0]}),
            result=lambda described: described["Tasks"][0])))
FAILURES = {"tasks": [], "failures": [{"arn": "arn:i", "reason": "RESOURCE:MEMORY"}]}
ROWS.append(extra(["ecs:runTask"], "no task could be placed", "ecs", "RunTask", {"TaskDefinition": "d"}, FAILURES,
                  lambda result: {"result": result, "has_metadata": True}))
ROWS.append(extra(["ecs:runTask.sync"], "no task could be placed", "ecs", "RunTask", {"TaskDefinition": "d"}, FAILURES,
                  lambda result: {"error": "AmazonECS.Unknown", "cause": {"json": result}, "has_metadata": True},
                  input={"taskDefinition": "d", "startedBy": "AWS Step Functions"}))

# DynamoDB
KEY = {"id": {"S": "a"}}
ITEM = KEY | {"n": {"N": "1.5"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}, "eTag": {"M": {"aB": {"SS": ["x", "y"]}}}}
ROWS.append(row(
    "dynamodb:getItem", "R", "dynamodb", "GetItem",
    {"TableName": "t", "Key": KEY, "ConsistentRead": True, "ProjectionExpression": "#a", "ExpressionAttributeNames": {"#a": "eTag"}},
    {"Item": ITEM, "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 0.5}}))
ROWS.append(row(
    "dynamodb:putItem", "R", "dynamodb", "PutItem",
    {"TableName": "t", "Item": ITEM, "ConditionExpression": "attribute_not_exists(id)"}, {}))
ROWS.append(row(
    "dynamodb:updateItem", "R", "dynamodb", "UpdateItem",
    {"TableName": "t", "Key": KEY, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "2"}}, "ReturnValues": "ALL_NEW"},
    {"Attributes": ITEM}))
ROWS.append(row(
    "dynamodb:deleteItem", "R", "dynamodb", "DeleteItem", {"TableName": "t", "Key": KEY, "ReturnValues": "ALL_OLD"}, {"Attributes": ITEM}))

# Lambda
ROWS.append(row(
    "lambda:invoke", "RT", "lambda", "Invoke",
    {"FunctionName": "f", "Qualifier": "live", "InvocationType": "RequestResponse", "LogType": "Tail", "Payload": {"a": ["é", 1.5]}},
    ({"x-amz-executed-version": "7", "x-amz-log-result": "bG9n"}, '{"b":2}'),
    input={"FunctionName": "f", "Qualifier": "live", "InvocationType": "RequestResponse", "LogType": "Tail", "Payload": '{"a":["é",1.5]}'.encode()},
    result=lambda result, _: {"ExecutedVersion": "7", "LogResult": "bG9n", "Payload": {"b": 2}, "StatusCode": 200},
    token=({"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}, {"FunctionName": "f", "InvocationType": "RequestResponse", "Payload": b'{"token":"@token"}'})))

# SNS, SQS, EventBridge
PUBLISHED = ({}, '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId><SequenceNumber>7</SequenceNumber></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>')
ROWS.append(row(
    "sns:publish", "RT", "sns", "Publish",
    {"TopicArn": "arn:t", "Message": {"a": [1, "é & =", True]}, "Subject": "s", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
    PUBLISHED,
    input={"TopicArn": "arn:t", "Message": '{"a":[1,"é & =",true]}', "Subject": "s", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
    token=({"TopicArn": "arn:t", "Message": {"token.$": "$$.Task.Token"}}, {"TopicArn": "arn:t", "Message": '{"token":"@token"}'})))
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
ROWS.append(row(
    "sqs:sendMessage", "RT", "sqs", "SendMessage",
    {"QueueUrl": QUEUE, "MessageBody": {"a": 1}, "DelaySeconds": 3, "MessageAttributes": {"k": {"DataType": "Number", "StringValue": "1"}}},
    {"MD5OfMessageBody": "m", "MD5OfMessageAttributes": "n", "MessageId": "i"},
    input={"QueueUrl": QUEUE, "MessageBody": '{"a":1}', "DelaySeconds": 3, "MessageAttributes": {"k": {"DataType": "Number", "StringValue": "1"}}},
    token=({"QueueUrl": QUEUE, "MessageBody.$": "$$.Task.Token"}, {"QueueUrl": QUEUE, "MessageBody": "@token"})))
ENTRY = {"Source": "s", "DetailType": "d", "EventBusName": "b", "Time": WHEN}
OWN = ["@machine", "@execution"]
ROWS.append(row(
    "events:putEvents", "RT", "events", "PutEvents",
    {"Entries": [ENTRY | {"Time": "2024-01-02T03:04:05Z", "Detail": {"a": 1}, "Resources": ["arn:r"]}, {"Source": "s", "DetailType": "d", "Detail": '{"b":2}'}]},
    {"Entries": [{"EventId": "e-1"}, {"EventId": "e-2"}], "FailedEntryCount": 0}, metadata=False,
    input={"Entries": [ENTRY | {"Detail": '{"a":1}', "Resources": ["arn:r", *OWN]}, {"Source": "s", "DetailType": "d", "Detail": '{"b":2}', "Resources": OWN}]},
    token=({"Entries": [{"Source": "s", "DetailType": "d", "Detail": {"token.$": "$$.Task.Token"}}]},
           {"Entries": [{"Source": "s", "DetailType": "d", "Detail": '{"token":"@token"}', "Resources": OWN}]})))
ROWS.append(extra(
    ["events:putEvents", "events:putEvents.waitForTaskToken"], "an entry failed", "events", "PutEvents",
    {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "x"}]},
    {"Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}], "FailedEntryCount": 1},
    lambda result: {"error": "EventBridge.FailedEntry", "cause": {"json": result}},
    input={"Entries": [{"Source": "s", "DetailType": "d", "Detail": "x", "Resources": OWN}]}))

# Glue
ROWS.append(row(
    "glue:startJobRun", "RS", "glue", "StartJobRun",
    {"JobName": "job", "Arguments": {"--aB": "c"}, "WorkerType": "G.1X", "NumberOfWorkers": 2}, {"JobRunId": "jr_1"},
    result=lambda result, _: result | {"JobName": "job"},
    job=job("GetJobRun", {"JobName": "job", "RunId": "jr_1"},
            lambda status: {"JobRun": {"Id": "jr_1", "JobName": "job", "JobRunState": status, "StartedOn": WHEN, "Arguments": {"--aB": "c"}, "ExecutionTime": 7, "MaxCapacity": 2.5}},
            ["STARTING", "RUNNING", "STOPPING"], ["SUCCEEDED", "STOPPED"], ["FAILED", "TIMEOUT", "ERROR", "EXPIRED"],
            ("BatchStopJobRun", {"JobName": "job", "JobRunIds": ["jr_1"]}, {"SuccessfulSubmissions": [{"JobName": "job", "JobRunId": "jr_1"}]}),
            result=lambda described: described["JobRun"])))

# SageMaker
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
S3_SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/i"}}


def sagemaker_job(kind, parameters, name, description, good, bad, stop=None):
    named = f"{name}Name"
    arn = f"{name}Arn"
    shown = lambda status: {named: "j", arn: "arn:j", f"{name}Status": status, "CreationTime": WHEN} | description
    ROWS.append(row(
        f"sagemaker:create{kind}", "RS", "sagemaker", f"Create{kind}", parameters | {named: "j"}, {arn: "arn:j"},
        job=job(f"Describe{kind}", {named: "j"}, shown, ["InProgress", "Stopping"], good, bad, (f"Stop{kind}", {named: "j"}, {}))))


sagemaker_job(
    "TrainingJob",
    {"RoleArn": ROLE, "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"}, "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
     "ResourceConfig": RESOURCES, "StoppingCondition": {"MaxRuntimeInSeconds": 60}, "HyperParameters": {"aB": "1"}, "Tags": [{"Key": "k", "Value": "v"}]},
    "TrainingJob",
    {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}, "SecondaryStatus": "Completed", "AlgorithmSpecification": {"TrainingInputMode": "File"},
     "ResourceConfig": RESOURCES, "StoppingCondition": {"MaxRuntimeInSeconds": 60}},
    ["Completed", "Stopped"], ["Failed"])
sagemaker_job(
    "TransformJob",
    {"ModelName": "m", "TransformInput": {"DataSource": S3_SOURCE}, "TransformOutput": {"S3OutputPath": "s3://b/o"},
     "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
    "TransformJob", {"ModelName": "m", "TransformInput": {"DataSource": S3_SOURCE}, "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
    ["Completed"], ["Failed", "Stopped"])
sagemaker_job(
    "ProcessingJob",
    {"RoleArn": ROLE, "ProcessingResources": {"ClusterConfig": RESOURCES}, "AppSpecification": {"ImageUri": "i"}, "Environment": {"aB": "c"}},
    "ProcessingJob", {"ProcessingResources": {"ClusterConfig": RESOURCES}, "AppSpecification": {"ImageUri": "i"}},
    ["Completed"], ["Failed", "Stopped"])
TUNING = {"Strategy": "Bayesian", "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}}
sagemaker_job(
    "HyperParameterTuningJob", {"HyperParameterTuningJobConfig": TUNING}, "HyperParameterTuningJob",
    {"HyperParameterTuningJobConfig": TUNING, "TrainingJobStatusCounters": {"Completed": 2}, "ObjectiveStatusCounters": {"Succeeded": 2}},
    ["Completed"], ["Failed", "Stopped"])
LABELS = {"LabelAttributeName": "l", "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://b/m"}}}, "OutputConfig": {"S3OutputPath": "s3://b/o"},
          "RoleArn": ROLE,
          "HumanTaskConfig": {"WorkteamArn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/w", "UiConfig": {"UiTemplateS3Uri": "s3://b/u"},
                              "TaskTitle": "t", "TaskDescription": "d", "NumberOfHumanWorkersPerDataObject": 1, "TaskTimeLimitInSeconds": 60}}
sagemaker_job("LabelingJob", LABELS, "LabelingJob", LABELS | {"LabelCounters": {"TotalLabeled": 1}, "JobReferenceCode": "c"}, ["Completed"], ["Failed", "Stopped"])
ROWS.append(row("sagemaker:createEndpoint", "R", "sagemaker", "CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"}, {"EndpointArn": "arn:e"}))
ROWS.append(row(
    "sagemaker:createEndpointConfig", "R", "sagemaker", "CreateEndpointConfig",
    {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": 0.5}]},
    {"EndpointConfigArn": "arn:c"}))
ROWS.append(row(
    "sagemaker:createModel", "R", "sagemaker", "CreateModel",
    {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://b/m", "Environment": {"aB": "c"}}}, {"ModelArn": "arn:m"}))
ROWS.append(row("sagemaker:updateEndpoint", "R", "sagemaker", "UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"}, {"EndpointArn": "arn:e"}))

# EMR
STEP = {"Name": "s", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "j", "Args": ["a"], "Properties": [{"Key": "k", "Value": "v"}]}}


def emr_cluster(status):
    return {"Cluster": {"Id": "j-1", "Name": "n", "Status": {"State": status, "Timeline": {"CreationDateTime": WHEN}}, "NormalizedInstanceHours": 4}}


ROWS.append(row(
    "elasticmapreduce:createCluster", "RS", "emr", "RunJobFlow",
    {"Name": "n", "ReleaseLabel": "emr-7.0.0", "Applications": [{"Name": "Spark"}], "ServiceRole": "r", "JobFlowRole": "p", "VisibleToAllUsers": True,
     "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "InstanceFleets": [{"Name": "f", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}]}]}},
    {"JobFlowId": "j-1", "ClusterArn": "arn:c"}, result=lambda result, _: {"ClusterId": "j-1", "ClusterArn": "arn:c"},
    job=job("DescribeCluster", {"ClusterId": "j-1"}, emr_cluster, ["STARTING", "BOOTSTRAPPING", "RUNNING", "TERMINATING"], ["WAITING", "TERMINATED"], ["TERMINATED_WITH_ERRORS"],
            ("TerminateJobFlows", {"JobFlowIds": ["j-1"]}, {}), result=lambda described: described | {"ClusterId": "j-1"})))
ROWS.append(row(
    "elasticmapreduce:terminateCluster", "RS", "emr", "TerminateJobFlows", {"ClusterId": "j-1"}, {}, input={"JobFlowIds": ["j-1"]},
    job=job("DescribeCluster", {"ClusterId": "j-1"}, emr_cluster, ["TERMINATING"], ["TERMINATED", "TERMINATED_WITH_ERRORS"], [])))
ROWS.append(row(
    "elasticmapreduce:addStep", "RS", "emr", "AddJobFlowSteps", {"ClusterId": "j-1", "Step": STEP}, {"StepIds": ["s-1"]},
    input={"JobFlowId": "j-1", "Steps": [STEP]}, result=lambda result, _: {"StepId": "s-1"},
    job=job("DescribeStep", {"ClusterId": "j-1", "StepId": "s-1"},
            lambda status: {"Step": {"Id": "s-1", "Name": "s", "Config": {"Jar": "j", "Properties": {"aB": "c"}}, "Status": {"State": status, "Timeline": {"CreationDateTime": WHEN}}}},
            ["PENDING", "CANCEL_PENDING", "RUNNING"], ["COMPLETED"], ["FAILED", "CANCELLED", "INTERRUPTED"],
            ("CancelSteps", {"ClusterId": "j-1", "StepIds": ["s-1"]}, {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "SUBMITTED"}]}))))
ROWS.append(row(
    "elasticmapreduce:cancelStep", "R", "emr", "CancelSteps", {"ClusterId": "j-1", "StepId": "s-1"}, {"CancelStepsInfoList": [{"StepId": "s-1", "Status": "SUBMITTED"}]},
    input={"ClusterId": "j-1", "StepIds": ["s-1"]}, result=lambda result, _: {"CancelStepsInfo": {"StepId": "s-1", "Status": "SUBMITTED"}}))
ROWS.append(row(
    "elasticmapreduce:setClusterTerminationProtection", "R", "emr", "SetTerminationProtection", {"ClusterId": "j-1", "TerminationProtected": True}, {},
    input={"JobFlowIds": ["j-1"], "TerminationProtected": True}))
FLEETS = ("ListInstanceFleets", {"ClusterId": "j-1"}, {"InstanceFleets": [{"Id": "if-0", "Name": "other"}], "Marker": "more"})
MORE_FLEETS = ("ListInstanceFleets", {"ClusterId": "j-1", "Marker": "more"}, {"InstanceFleets": [{"Id": "if-1", "Name": "f"}]})
ROWS.append(row(
    "elasticmapreduce:modifyInstanceFleetByName", "R", "emr", "ModifyInstanceFleet",
    {"ClusterId": "j-1", "InstanceFleetName": "f", "InstanceFleet": {"TargetOnDemandCapacity": 8, "TargetSpotCapacity": 0}}, {},
    before=[FLEETS, MORE_FLEETS], input={"ClusterId": "j-1", "InstanceFleet": {"InstanceFleetId": "if-1", "TargetOnDemandCapacity": 8, "TargetSpotCapacity": 0}}))
ROWS.append(row(
    "elasticmapreduce:modifyInstanceGroupByName", "R", "emr", "ModifyInstanceGroups",
    {"ClusterId": "j-1", "InstanceGroupName": "g", "InstanceGroup": {"InstanceCount": 8}}, {},
    before=[("ListInstanceGroups", {"ClusterId": "j-1"}, {"InstanceGroups": [{"Id": "ig-1", "Name": "g", "RequestedInstanceCount": 1}]})],
    input={"ClusterId": "j-1", "InstanceGroups": [{"InstanceGroupId": "ig-1", "InstanceCount": 8}]}))

# EMR on EKS, EMR Serverless
ROWS.append(row(
    "emr-containers:createVirtualCluster", "R", "emr-containers", "CreateVirtualCluster",
    {"Name": "n", "ContainerProvider": {"Id": "eks", "Type": "EKS", "Info": {"EksInfo": {"Namespace": "ns"}}}, "Tags": {"aB": "c"}}, {"id": "v", "name": "n", "arn": "arn:v"}))
ROWS.append(row(
    "emr-containers:deleteVirtualCluster", "RS", "emr-containers", "DeleteVirtualCluster", {"Id": "v"}, {"id": "v"},
    job=job("DescribeVirtualCluster", {"id": "v"}, lambda status: {"virtualCluster": {"id": "v", "name": "n", "state": status, "createdAt": WHEN, "tags": {"aB": "c"}}},
            ["RUNNING", "TERMINATING"], ["TERMINATED"], ["ARRESTED"])))
ROWS.append(row(
    "emr-containers:startJobRun", "RS", "emr-containers", "StartJobRun",
    {"VirtualClusterId": "v", "Name": "n", "ExecutionRoleArn": ROLE, "ReleaseLabel": "emr-7.0.0-latest",
     "JobDriver": {"SparkSubmitJobDriver": {"EntryPoint": "local:///e.py", "SparkSubmitParameters": "--conf a=b"}}},
    {"id": "run", "name": "n", "arn": "arn:run", "virtualClusterId": "v"},
    job=job("DescribeJobRun", {"id": "run", "virtualClusterId": "v"}, lambda status: {"jobRun": {"id": "run", "virtualClusterId": "v", "state": status, "createdAt": WHEN}},
            ["PENDING", "SUBMITTED", "RUNNING", "CANCEL_PENDING"], ["COMPLETED"], ["FAILED", "CANCELLED"],
            ("CancelJobRun", {"id": "run", "virtualClusterId": "v"}, {"id": "run", "virtualClusterId": "v"}))))


def application(status):
    return {"application": {"applicationId": "a", "name": "n", "arn": "arn:a", "releaseLabel": "emr-7.0.0", "type": "Spark", "state": status, "createdAt": WHEN, "updatedAt": WHEN, "tags": {"aB": "c"}}}


def serverless_run(status):
    return {"jobRun": {"applicationId": "a", "jobRunId": "run", "arn": "arn:run", "createdBy": "arn:me", "createdAt": WHEN, "updatedAt": WHEN, "executionRole": ROLE,
                       "state": status, "stateDetails": "", "releaseLabel": "emr-7.0.0", "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/e.py"}}}}


ASK_APPLICATION = ("GetApplication", {"applicationId": "a"}, application)
ROWS.append(row(
    "emr-serverless:createApplication", "RS", "emr-serverless", "CreateApplication", {"Name": "n", "ReleaseLabel": "emr-7.0.0", "Type": "SPARK", "Tags": {"aB": "c"}},
    {"applicationId": "a", "name": "n", "arn": "arn:a"},
    job=job(*ASK_APPLICATION, ["CREATING"], ["CREATED"], ["TERMINATED"], ("DeleteApplication", {"applicationId": "a"}, {}))))
for action, endings in [("start", ["STARTED"]), ("stop", ["STOPPED"]), ("delete", ["TERMINATED"])]:
    running = {"start": ["CREATED", "STARTING"], "stop": ["STARTED", "STOPPING"], "delete": ["STOPPED"]}[action]
    bad = {"start": ["STOPPED", "TERMINATED"], "stop": ["TERMINATED"], "delete": []}[action]
    cancel = ("StopApplication", {"applicationId": "a"}, {}) if action == "start" else None
    ROWS.append(row(
        f"emr-serverless:{action}Application", "RS", "emr-serverless", f"{action.capitalize()}Application", {"ApplicationId": "a"}, {},
        result=lambda result, _: {"ApplicationId": "a"}, job=job(*ASK_APPLICATION, running, endings, bad, cancel)))
ASK_RUN = ("GetJobRun", {"applicationId": "a", "jobRunId": "run"}, serverless_run)
ROWS.append(row(
    "emr-serverless:startJobRun", "RS", "emr-serverless", "StartJobRun",
    {"ApplicationId": "a", "ExecutionRoleArn": ROLE, "JobDriver": {"SparkSubmit": {"EntryPoint": "s3://b/e.py", "EntryPointArguments": ["x"]}}},
    {"applicationId": "a", "jobRunId": "run", "arn": "arn:run"},
    job=job(*ASK_RUN, ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING"], ["SUCCESS"], ["FAILED", "CANCELLED"],
            ("CancelJobRun", {"applicationId": "a", "jobRunId": "run"}, {"applicationId": "a", "jobRunId": "run"}))))
ROWS.append(row(
    "emr-serverless:cancelJobRun", "RS", "emr-serverless", "CancelJobRun", {"ApplicationId": "a", "JobRunId": "run"}, {"applicationId": "a", "jobRunId": "run"},
    job=job(*ASK_RUN, ["CANCELLING"], ["CANCELLED"], ["SUCCESS", "FAILED"])))

# CodeBuild
BUILD = {"id": "b:1", "arn": "arn:b", "projectName": "p", "startTime": WHEN, "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"}}
BUILD_BATCH = {"id": "bb:1", "arn": "arn:bb", "projectName": "p", "startTime": WHEN, "buildGroups": [{"identifier": "g", "dependsOn": []}]}
BAD_BUILDS = ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"]


def builds(status):
    return {"builds": [BUILD | {"buildStatus": status}], "buildsNotFound": []}


def build_batches(status):
    return {"buildBatches": [BUILD_BATCH | {"buildBatchStatus": status}]}


ROWS.append(row(
    "codebuild:startBuild", "RS", "codebuild", "StartBuild",
    {"ProjectName": "p", "EnvironmentVariablesOverride": [{"Name": "A", "Value": "1", "Type": "PLAINTEXT"}]}, {"build": BUILD | {"buildStatus": "IN_PROGRESS"}},
    job=job("BatchGetBuilds", {"ids": ["b:1"]}, builds, ["IN_PROGRESS"], ["SUCCEEDED"], BAD_BUILDS,
            ("StopBuild", {"id": "b:1"}, {"build": BUILD}), result=lambda described: {"Build": described["Builds"][0]})))
ASK_BATCH = ("BatchGetBuildBatches", {"ids": ["bb:1"]}, build_batches, ["IN_PROGRESS"], ["SUCCEEDED"], BAD_BUILDS, ("StopBuildBatch", {"id": "bb:1"}, {"buildBatch": BUILD_BATCH}))
for action, parameters in [("startBuildBatch", {"ProjectName": "p"}), ("retryBuildBatch", {"Id": "bb:0", "RetryType": "RETRY_FAILED_BUILDS"})]:
    ROWS.append(row(
        f"codebuild:{action}", "RS", "codebuild", action[0].upper() + action[1:], parameters, {"buildBatch": BUILD_BATCH | {"buildBatchStatus": "IN_PROGRESS"}},
        job=job(*ASK_BATCH, result=lambda described: {"BuildBatch": described["BuildBatches"][0]})))
ROWS.append(row("codebuild:stopBuild", "R", "codebuild", "StopBuild", {"Id": "b:1"}, {"build": BUILD}))
ROWS.append(row("codebuild:stopBuildBatch", "R", "codebuild", "StopBuildBatch", {"Id": "bb:1"}, {"buildBatch": BUILD_BATCH}))
ROWS.append(row("codebuild:deleteBuildBatch", "R", "codebuild", "DeleteBuildBatch", {"Id": "bb:1"}, {"statusCode": "OK", "buildsDeleted": ["b:1"], "buildsNotDeleted": []}))
ROWS.append(row(
    "codebuild:batchDeleteBuilds", "R", "codebuild", "BatchDeleteBuilds", {"Ids": ["b:1", "b:2"]},
    {"buildsDeleted": ["b:1"], "buildsNotDeleted": [{"id": "b:2", "statusCode": "BUILD_IN_PROGRESS"}]}))
ROWS.append(row(
    "codebuild:batchGetReports", "R", "codebuild", "BatchGetReports", {"ReportArns": ["arn:r"]},
    {"reports": [{"arn": "arn:r", "type": "TEST", "status": "SUCCEEDED", "created": WHEN, "testSummary": {"total": 1, "statusCounts": {"SUCCEEDED": 1}, "durationInNanoSeconds": 5}}], "reportsNotFound": []}))

# Athena
ROWS.append(row(
    "athena:startQueryExecution", "RS", "athena", "StartQueryExecution",
    {"QueryString": "SELECT 1", "QueryExecutionContext": {"Database": "d"}, "ResultConfiguration": {"OutputLocation": "s3://b/o"}, "WorkGroup": "primary"}, {"QueryExecutionId": "q"},
    job=job("GetQueryExecution", {"QueryExecutionId": "q"},
            lambda status: {"QueryExecution": {"QueryExecutionId": "q", "Query": "SELECT 1", "Status": {"State": status, "SubmissionDateTime": WHEN}, "Statistics": {"DataScannedInBytes": 12}}},
            ["QUEUED", "RUNNING"], ["SUCCEEDED"], ["FAILED", "CANCELLED"], ("StopQueryExecution", {"QueryExecutionId": "q"}, {}))))
ROWS.append(row("athena:stopQueryExecution", "R", "athena", "StopQueryExecution", {"QueryExecutionId": "q"}, {}))
ROWS.append(row(
    "athena:getQueryExecution", "R", "athena", "GetQueryExecution", {"QueryExecutionId": "q"},
    {"QueryExecution": {"QueryExecutionId": "q", "Status": {"State": "RUNNING", "SubmissionDateTime": WHEN}}}))
ROWS.append(row(
    "athena:getQueryResults", "R", "athena", "GetQueryResults", {"QueryExecutionId": "q", "MaxResults": 2},
    {"NextToken": "n", "ResultSet": {"Rows": [{"Data": [{"VarCharValue": "1"}, {}]}], "ResultSetMetadata": {"ColumnInfo": [{"Name": "a", "Type": "integer", "Precision": 10}]}}}))

# EKS
EKS_CLUSTER = {"name": "c", "arn": "arn:c", "createdAt": WHEN, "endpoint": "https://e", "certificateAuthority": {"data": "ca"}, "tags": {"aB": "c"}}
EKS_NODES = {"nodegroupName": "n", "clusterName": "c", "createdAt": WHEN, "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1}, "labels": {"aB": "c"}}
EKS_PROFILE = {"fargateProfileName": "f", "clusterName": "c", "createdAt": WHEN, "selectors": [{"namespace": "ns", "labels": {"aB": "c"}}]}


def eks(kind, create, name, ask, member, thing, failed):
    shown = lambda status: {member: thing | {"status": status}}
    good, bad = failed
    ROWS.append(row(
        f"eks:create{kind}", "RS", "eks", f"Create{kind}", create, shown("CREATING"),
        job=job(f"Describe{kind}", ask, shown, ["CREATING"], ["ACTIVE"], [good])))
    ROWS.append(row(
        f"eks:delete{kind}", "RS", "eks", f"Delete{kind}", {key[0].upper() + key[1:]: value for key, value in ask.items()}, shown("DELETING"),
        job=job(f"Describe{kind}", ask, shown, ["DELETING"], ["gone"], [bad])))


eks("Cluster", {"Name": "c", "RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"]}}, "name", {"name": "c"}, "cluster", EKS_CLUSTER, ("FAILED", "FAILED"))
eks("Nodegroup", {"ClusterName": "c", "NodegroupName": "n", "NodeRole": ROLE, "Subnets": ["subnet-1"], "Labels": {"aB": "c"}}, "nodegroupName",
    {"clusterName": "c", "nodegroupName": "n"}, "nodegroup", EKS_NODES, ("CREATE_FAILED", "DELETE_FAILED"))
eks("FargateProfile", {"ClusterName": "c", "FargateProfileName": "f", "PodExecutionRoleArn": ROLE, "Selectors": [{"Namespace": "ns", "Labels": {"aB": "c"}}]}, "fargateProfileName",
    {"clusterName": "c", "fargateProfileName": "f"}, "fargateProfile", EKS_PROFILE, ("CREATE_FAILED", "DELETE_FAILED"))

# DataBrew, MediaConvert
ROWS.append(row(
    "databrew:startJobRun", "RS", "databrew", "StartJobRun", {"Name": "job name"}, {"RunId": "db_1"},
    job=job("DescribeJobRun", {"Name": "job name", "RunId": "db_1"}, lambda status: {"JobName": "job name", "RunId": "db_1", "State": status, "StartedOn": WHEN, "ExecutionTime": 4},
            ["STARTING", "RUNNING", "STOPPING"], ["SUCCEEDED"], ["FAILED", "TIMEOUT", "STOPPED"], ("StopJobRun", {"Name": "job name", "RunId": "db_1"}, {"RunId": "db_1"}))))
MEDIA = {"Role": ROLE, "Settings": {"Inputs": [{"FileInput": "s3://b/i"}], "OutputGroups": [{"Name": "g", "OutputGroupSettings": {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://b/o"}}}]}}
ROWS.append(row(
    "mediaconvert:createJob", "RS", "mediaconvert", "CreateJob", MEDIA | {"Tags": {"aB": "c"}}, {"Job": MEDIA | {"Id": "1-a", "Status": "SUBMITTED", "CreatedAt": WHEN}},
    input=MEDIA | {"Tags": {"aB": "c", "ManagedByService": "AWSStepFunctions"}},
    job=job("GetJob", {"Id": "1-a"}, lambda status: {"Job": MEDIA | {"Id": "1-a", "Status": status, "CreatedAt": WHEN}},
            ["SUBMITTED", "PROGRESSING"], ["COMPLETE"], ["ERROR", "CANCELED"], ("CancelJob", {"Id": "1-a"}, {}))))

# Bedrock
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.model-v1:0"
COMPLETION = ({"content-type": "application/json"}, '{"completion":"c","n":[1,2.5]}')
ROWS.append(row(
    "bedrock:invokeModel", "RT", "bedrock-runtime", "InvokeModel",
    {"ModelId": MODEL, "Body": {"prompt": "p é", "n": 1}, "Accept": "application/json", "GuardrailIdentifier": "g", "GuardrailVersion": "1", "Trace": "ENABLED"}, COMPLETION, metadata=False,
    result=lambda result, _: {"Body": {"completion": "c", "n": [1, 2.5]}, "ContentType": "application/json"},
    input={"modelId": MODEL, "body": '{"prompt":"p é","n":1}'.encode(), "accept": "application/json", "contentType": "application/json", "guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "ENABLED"},
    token=({"ModelId": "m", "Body": {"token.$": "$$.Task.Token"}}, {"modelId": "m", "body": b'{"token":"@token"}', "contentType": "application/json"})))
ROWS.append(row(
    "bedrock:createModelCustomizationJob", "RST", "bedrock", "CreateModelCustomizationJob",
    {"JobName": "j", "CustomModelName": "m", "RoleArn": ROLE, "BaseModelIdentifier": MODEL, "TrainingDataConfig": {"S3Uri": "s3://b/i"}, "OutputDataConfig": {"S3Uri": "s3://b/o"}, "HyperParameters": {"epochCount": "1"}},
    {"jobArn": "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/j"},
    token=({"JobName": "j", "CustomModelName": "m", "RoleArn": ROLE, "BaseModelIdentifier": MODEL, "TrainingDataConfig": {"S3Uri": "s3://b/i"}, "OutputDataConfig": {"S3Uri": "s3://b/o"}, "HyperParameters": {"token.$": "$$.Task.Token"}},
           {"jobName": "j", "customModelName": "m", "roleArn": ROLE, "baseModelIdentifier": MODEL, "trainingDataConfig": {"s3Uri": "s3://b/i"}, "outputDataConfig": {"s3Uri": "s3://b/o"}, "hyperParameters": {"token": "@token"}}),
    job=job("GetModelCustomizationJob", {"jobIdentifier": "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/j"},
            lambda status: {"jobArn": "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/j", "jobName": "j", "outputModelName": "m", "roleArn": ROLE, "status": status, "creationTime": WHEN,
                            "baseModelArn": MODEL, "hyperParameters": {"epochCount": "1"}, "trainingDataConfig": {"s3Uri": "s3://b/i"}, "outputDataConfig": {"s3Uri": "s3://b/o"}},
            ["InProgress", "Stopping"], ["Completed"], ["Failed", "Stopped"],
            ("StopModelCustomizationJob", {"jobIdentifier": "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/j"}, {}))))
ASKED = ({"content-type": "application/vnd.model+json", "etag": '"e"'}, '{"prompt": "from S3 é"}')
ROWS.append(extra(
    ["bedrock:invokeModel"], "its body and answer in S3", "bedrock-runtime", "InvokeModel",
    {"ModelId": "m", "Input": {"S3Uri": "s3://in/a b/ü.json"}, "Output": {"S3Uri": "s3://out/k"}}, COMPLETION,
    lambda result: {"result": {"Body": "s3://out/k", "ContentType": "application/json"}},
    before=[("GetObject", {"Bucket": "in", "Key": "a b/ü.json"}, ASKED)], before_client="s3",
    after=[("PutObject", {"Bucket": "out", "Key": "k", "ContentType": "application/json", "Body": COMPLETION[1].encode()}, ({"etag": '"f"'}, ""))],
    input={"modelId": "m", "body": ASKED[1].encode(), "contentType": "application/vnd.model+json"}))
