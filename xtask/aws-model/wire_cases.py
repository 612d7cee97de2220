#!/usr/bin/env python3
"""Writes crates/integrations/src/aws/testdata/wire.json: requests as botocore makes them, and answers as it reads them, for
calls of every protocol. The tests compare our own with them.

    python3 wire_cases.py OUTPUT_FILE           the cases below
    python3 wire_cases.py OUTPUT_FILE --every   a request of every operation of every service, with made-up parameters
"""
import base64
import datetime
import importlib.metadata
import json
import sys

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.awsrequest import HeadersDict

# (service, operation, parameters as botocore takes them); a "@b" blob and a "@t" time are written as text in tasks.
REQUESTS = [
    ("sqs", "SendMessage", {"QueueUrl": "http://q/1", "MessageBody": "hello", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1"}}}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "a"}, "l": {"L": [{"N": "1"}, {"M": {"x": {"BOOL": True}}}]}, "z": {"NULL": True}}}),
    ("stepfunctions", "StartExecution", {"stateMachineArn": "arn:m", "name": "n", "input": "{}"}),
    ("ssm", "PutParameter", {"Name": "n", "Value": "v", "Type": "String", "Overwrite": True}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "s"}),
    ("events", "PutEvents", {"Entries": [{"Time": "@t2024-01-02T03:04:05Z", "Source": "s", "DetailType": "d", "Detail": "{}"}]}),
    ("kms", "Encrypt", {"KeyId": "k", "Plaintext": "@bsecret text"}),
    ("ecs", "RunTask", {"taskDefinition": "d", "clientToken": "t", "count": 2, "overrides": {"containerOverrides": [{"name": "c", "command": ["a", "b"], "environment": [{"name": "A", "value": "1"}]}]}}),
    ("athena", "GetQueryExecution", {"QueryExecutionId": "q"}),
    ("cloudwatch", "PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1.5, "Dimensions": [{"Name": "a", "Value": "b"}]}]}),
    ("sns", "Publish", {"TopicArn": "arn:t", "Message": "a b&c=d/ü", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}),
    ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "s", "PolicyArns": [{"arn": "arn:p"}], "DurationSeconds": 900}),
    ("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "Tags": [{"Key": "a", "Value": "b"}]}),
    ("rds", "DescribeDBInstances", {"DBInstanceIdentifier": "d", "Filters": [{"Name": "engine", "Values": ["x", "y"]}]}),
    ("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": ["a", "b"]}),
    ("elasticache", "CreateCacheCluster", {"CacheClusterId": "c", "CacheSecurityGroupNames": ["g"], "PreferredAvailabilityZones": ["z1", "z2"]}),
    ("cloudformation", "CreateStack", {"StackName": "s", "Parameters": [{"ParameterKey": "k", "ParameterValue": "v"}], "Capabilities": ["CAPABILITY_IAM"]}),
    ("ec2", "DescribeInstances", {"Filters": [{"Name": "tag:a", "Values": ["1", "2"]}], "InstanceIds": ["i-1", "i-2"], "MaxResults": 5}),
    ("ec2", "RunInstances", {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}], "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-1"]}], "ClientToken": "t"}),
    ("ec2", "CreateTags", {"Resources": ["i-1"], "Tags": [{"Key": "a", "Value": "b"}]}),
    ("lambda", "Invoke", {"FunctionName": "f", "InvocationType": "Event", "Payload": "@b{\"a\":1}"}),
    ("lambda", "ListFunctions", {"MaxItems": 3}),
    ("lambda", "TagResource", {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Tags": {"a": "b"}}),
    ("batch", "SubmitJob", {"jobName": "j", "jobQueue": "q", "jobDefinition": "d", "containerOverrides": {"environment": [{"name": "A", "value": "B"}]}, "retryStrategy": {"attempts": 2}}),
    ("eks", "CreateCluster", {"name": "c", "roleArn": "arn:r", "resourcesVpcConfig": {"subnetIds": ["s"]}, "clientRequestToken": "t"}),
    ("eks", "DescribeNodegroup", {"clusterName": "c/1", "nodegroupName": "n g"}),
    ("apigateway", "GetRestApis", {"limit": 2}),
    ("apigateway", "TagResource", {"resourceArn": "arn:x/y", "tags": {"a": "b"}}),
    ("iot-data", "Publish", {"topic": "a/b", "qos": 1, "payload": "@bhello"}),
    ("bedrock-runtime", "InvokeModel", {"modelId": "m:1", "body": "@b{}", "contentType": "application/json", "accept": "application/json"}),
    ("glacier", "ListVaults", {"accountId": "-", "limit": "3"}),
    ("schemas", "ListRegistries", {"Limit": 3, "Scope": "LOCAL"}),
    ("emr-containers", "StartJobRun", {"virtualClusterId": "v", "clientToken": "t", "name": "n", "tags": {"k": "v"}}),
    ("bedrock-agent-runtime", "Retrieve", {"knowledgeBaseId": "KB", "retrievalQuery": {"text": "q"}, "retrievalConfiguration": {"vectorSearchConfiguration": {"filter": {"equals": {"key": "k", "value": {"a": [1, 2.5, None, "x"]}}}}}}),
    ("s3", "PutObject", {"Bucket": "b", "Key": "a/b c.txt", "Body": "@bhello", "ContentType": "text/plain", "Metadata": {"m1": "v1"}}),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k", "Range": "bytes=0-1", "VersionId": "v"}),
    ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "p/", "MaxKeys": 2}),
    ("s3", "CreateBucket", {"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}),
    ("s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "1"}], "Quiet": True}}),
    ("s3", "PutBucketTagging", {"Bucket": "b", "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}),
    ("s3", "PutObjectAcl", {"Bucket": "b", "Key": "k", "AccessControlPolicy": {"Grants": [{"Grantee": {"ID": "i", "Type": "CanonicalUser"}, "Permission": "READ"}]}}),
    ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "a.b", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "1.2.3.4"}]}}]}}),
    ("cloudfront", "CreateInvalidation", {"DistributionId": "D", "InvalidationBatch": {"Paths": {"Quantity": 1, "Items": ["/x"]}, "CallerReference": "r"}}),
    ("s3control", "GetAccessPoint", {"AccountId": "123456789012", "Name": "n"}),
]

# Calls of services that speak CBOR only, with made-up parameters; those with every type are among them.
CBOR_REQUESTS = [
    ("cloudwatchomni", "CreateAlert"), ("cloudwatchomni", "GetContextGraph"), ("eventbridgev2", "CreateSubscriber"),
    ("eventbridgev2", "PutRawEvents"), ("eventbridgev2", "PutEvents"),
    ("partnercentral-revenue-measurement", "ListRevenueAttributions"),
]
CBOR_ANSWERS = [
    ("cloudwatchomni", "GetTelemetryQueryResults"), ("eventbridgev2", "DescribeSubscriber"), ("eventbridgev2", "PutRawEvents"),
    ("partnercentral-revenue-measurement", "GetRevenueAttributionAllocationsTask"),
]

# (service, operation, status, headers, body)
ANSWERS = [
    ("sqs", "SendMessage", 200, {}, '{"MD5OfMessageBody":"m","MessageId":"i"}'),
    ("dynamodb", "GetItem", 200, {}, '{"Item":{"id":{"S":"a"},"n":{"N":"1"},"m":{"M":{"eTag":{"L":[{"BOOL":false}]}}}}}'),
    ("stepfunctions", "DescribeExecution", 200, {}, '{"executionArn":"a","startDate":1700000000.123,"status":"RUNNING","input":"{}","inputDetails":{"included":true}}'),
    ("ecs", "RunTask", 200, {}, '{"tasks":[{"taskArn":"t","createdAt":1700000000,"containers":[{"name":"c","exitCode":0}],"stopCode":null}],"failures":[]}'),
    ("glue", "GetJobRun", 200, {}, '{"JobRun":{"Id":"i","StartedOn":1.7E9,"Arguments":{"--aB":"c"},"DPUSeconds":1.5}}'),
    ("sns", "Publish", 200, {}, '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m &amp; 1</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>'),
    ("sts", "AssumeRole", 200, {}, '<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>2024-01-02T03:04:05Z</Expiration></Credentials><PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>'),
    ("rds", "DescribeDBInstances", 200, {}, '<R><DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceIdentifier>d</DBInstanceIdentifier><AllocatedStorage>20</AllocatedStorage><MultiAZ>true</MultiAZ><TagList><Tag><Key>a</Key><Value>b</Value></Tag></TagList></DBInstance></DBInstances></DescribeDBInstancesResult></R>'),
    ("ec2", "DescribeInstances", 200, {}, '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><reservationSet><item><reservationId>r-1</reservationId><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState><launchTime>2024-01-02T03:04:05.000Z</launchTime><tagSet><item><key>Name</key><value>x</value></item></tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>'),
    ("batch", "DescribeJobs", 200, {}, '{"jobs":[{"jobName":"j","jobId":"i","status":"SUCCEEDED","createdAt":1700000000123,"parameters":{"aB":"c"},"container":{"exitCode":0}}]}'),
    ("lambda", "Invoke", 200, {"x-amz-executed-version": "$LATEST"}, '{"a":1}'),
    ("lambda", "GetFunction", 200, {}, '{"Configuration":{"FunctionName":"f","MemorySize":128},"Tags":{"k":"v"}}'),
    ("eks", "DescribeCluster", 200, {}, '{"cluster":{"name":"c","createdAt":1700000000.5,"tags":{"aB":"c"}}}'),
    ("s3", "GetObject", 200, {"etag": '"e"', "content-type": "text/plain", "content-length": "5", "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT", "accept-ranges": "bytes", "x-amz-meta-m1": "v1"}, "hello"),
    ("s3", "PutObject", 200, {"etag": '"e"', "x-amz-server-side-encryption": "AES256"}, ""),
    ("s3", "ListObjectsV2", 200, {}, '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size><LastModified>2024-01-02T03:04:05.000Z</LastModified></Contents><Contents><Key>b</Key><Size>2</Size></Contents></ListBucketResult>'),
    ("s3", "GetBucketLocation", 200, {}, '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>'),
    ("s3", "GetBucketTagging", 200, {}, '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'),
    ("route53", "GetHostedZone", 200, {}, '<GetHostedZoneResponse><HostedZone><Id>/z</Id><Name>n.</Name><CallerReference>c</CallerReference><ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone></GetHostedZoneResponse>'),
    ("sqs", "SendMessage", 400, {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}, '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no queue"}'),
    ("dynamodb", "PutItem", 400, {}, '{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}'),
    ("sns", "Publish", 404, {}, '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error><RequestId>r-1</RequestId></ErrorResponse>'),
    ("ec2", "DescribeInstances", 400, {}, '<?xml version="1.0"?><Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>gone</Message></Error></Errors><RequestID>r-2</RequestID></Response>'),
    ("lambda", "Invoke", 404, {"x-amzn-errortype": "ResourceNotFoundException"}, '{"Message":"Function not found: f","Type":"User"}'),
    ("s3", "GetObject", 404, {"x-amz-request-id": "r-3", "x-amz-id-2": "h"}, '<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>k</Key><RequestId>r-3</RequestId><HostId>h</HostId></Error>'),
    ("route53", "GetHostedZone", 404, {}, '<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchHostedZone</Code><Message>none</Message></Error><RequestId>r-4</RequestId></ErrorResponse>'),
]


def given(value):
    """What botocore takes for what a task has."""
    if isinstance(value, dict):
        return {key: given(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [given(entry) for entry in value]
    if isinstance(value, str) and value.startswith("@b"):
        return value[2:].encode()
    if isinstance(value, str) and value.startswith("@t"):
        return datetime.datetime.fromisoformat(value[2:].replace("Z", "+00:00"))
    return value


def shown(shape, value):
    """The parameters as a task has them: names of members start with a capital."""
    if shape is not None and shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        return {key[0].upper() + key[1:]: shown(shape.members[key], entry) for key, entry in value.items()}
    if shape is not None and shape.type_name == "list":
        return [shown(shape.member, entry) for entry in value]
    if shape is not None and shape.type_name == "map":
        return {key: shown(shape.value, entry) for key, entry in value.items()}
    return value[2:] if isinstance(value, str) and value[:2] in ("@b", "@t") else value


def result(shape, value):
    if shape.type_name == "structure":
        return {key[0].upper() + key[1:]: result(shape.members[key], entry) for key, entry in value.items() if key in shape.members}
    if shape.type_name == "list":
        return [result(shape.member, entry) for entry in value]
    if shape.type_name == "map":
        return {key: result(shape.value, entry) for key, entry in value.items()}
    if shape.type_name == "timestamp":
        text = value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return text.replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode()
    return value


def is_empty(value):
    """Whether nothing of a value is sent."""
    if isinstance(value, dict):
        return all(is_empty(entry) for entry in value.values())
    return value == []


def made_up(shape, depth, required_only):
    """Some value of a shape, in the form of the lists above."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return {"a": [1, 2.5, None, "x", True]}
        members = {}
        for name, member in shape.members.items():
            if name == "SourceRegion" and shape.name.endswith("Message"):
                # botocore's own, from which it makes a signed address.
                continue
            if member.serialization.get("jsonvalue") or name == "Expires":
                # Texts of JSON are values to botocore and texts to Java; so are S3's dates.
                continue
            is_required = name in shape.required_members
            if getattr(member, "is_document_type", False) and depth <= 0:
                continue
            if is_required or (depth > 0 and not required_only):
                if depth > -4:
                    members[name] = made_up(member, depth - 1, required_only)
            if getattr(shape, "is_tagged_union", False) and members:
                break
        return members
    if kind == "list":
        entry = made_up(shape.member, depth - 1, required_only) if depth > -4 else {}
        return [] if is_empty(entry) else [entry]
    if kind == "map":
        return {"aKey": made_up(shape.value, depth - 1, required_only)} if depth > -4 else {}
    if kind == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "te xt-1"
    return {"boolean": True, "integer": 7, "long": 8, "float": 1.5, "double": 2.5, "blob": "@bbytes", "timestamp": "@t2024-01-02T03:04:05Z"}[kind]


def every(loader):
    for service in loader.get_available_services():
        if service == "sms-voice":
            # The same as pinpoint-sms-voice.
            continue
        model = loader.get_service_model(service)
        for operation in model.operation_names:
            known = model.operation_model(operation)
            if known.input_shape is None or known.has_event_stream_input or known.has_event_stream_output:
                continue
            parameters = made_up(known.input_shape, 3, False)
            # A value in a path or a host must fit there.
            for name, member in known.input_shape.members.items():
                if member.type_name == "string" and (member.serialization.get("location") == "uri" or name in known.input_shape.required_members):
                    if not getattr(member, "enum", None) and name in parameters:
                        parameters[name] = "text-1"
            yield service, operation, parameters


def made_up_calls(loader):
    for service, operation in CBOR_REQUESTS:
        shape = loader.get_service_model(service).operation_model(operation).input_shape
        yield service, operation, made_up(shape, 3, False)


def cbor_answers(loader):
    """Answers in CBOR, written by botocore."""
    for service, operation in CBOR_ANSWERS:
        model = loader.get_service_model(service)
        known = model.operation_model(operation)
        value = given(made_up(known.output_shape, 3, False))
        body = bytearray()
        botocore.serialize.create_serializer(model.resolved_protocol, include_validation=False)._serialize_data_item(body, value, known.output_shape)
        headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
        parsed = botocore.parsers.create_parser(model.resolved_protocol).parse(
            {"status_code": 200, "headers": HeadersDict(headers), "body": bytes(body)}, known.output_shape)
        yield {"service": service, "operation": operation, "status": 200, "headers": headers,
               "cbor": base64.b64encode(body).decode(), "result": result(known.output_shape, parsed)}


def main():
    loader = botocore.session.get_session()
    requests, answers = [], []
    is_every = sys.argv[2:] == ["--every"]
    for service, operation, parameters in every(loader) if is_every else [*REQUESTS, *made_up_calls(loader)]:
        model = loader.get_service_model(service)
        known = model.operation_model(operation)
        serializer = botocore.serialize.create_serializer(model.resolved_protocol, include_validation=False)
        try:
            made = serializer.serialize_to_request(given(parameters), known)
        except Exception as error:
            print(f"{service} {operation}: botocore can't: {error!r}", file=sys.stderr)
            continue
        path = made["url_path"]
        body = made["body"]
        query = made.get("query_string") or {}
        if isinstance(query, dict):
            query = [
                [key, entry] for key, entries in query.items()
                for entry in (entries if isinstance(entries, list) else [entries])
            ]
        form, cbor = None, None
        if isinstance(body, dict):
            form, body = body, None
        elif model.resolved_protocol == "smithy-rpc-v2-cbor":
            cbor, body = base64.b64encode(body).decode(), None
        else:
            body = body.decode() if isinstance(body, (bytes, bytearray)) else body
        requests.append({
            "service": service, "operation": operation, "parameters": shown(known.input_shape, parameters),
            "method": made["method"], "path": path, "query": [[key, str(entry)] for key, entry in query],
            "headers": {key.lower(): entry for key, entry in made["headers"].items()}, "form": form, "body": body,
        } | ({"cbor": cbor} if cbor is not None else {}) | ({"made_up": True} if is_every or cbor is not None else {}))
    for service, operation, status, headers, body in [] if is_every else ANSWERS:
        model = loader.get_service_model(service)
        known = model.operation_model(operation)
        case = {"service": service, "operation": operation, "status": status, "headers": headers, "body": body}
        if status >= 300:
            parsed = botocore.parsers.create_parser(model.resolved_protocol).parse(
                {"status_code": status, "headers": HeadersDict(headers), "body": body.encode()}, known.output_shape)
            case["error"] = {"code": parsed["Error"]["Code"], "message": parsed["Error"]["Message"]}
        elif (service, operation) == ("s3", "GetBucketLocation"):
            # botocore has a handler of its own for it.
            case["result"] = {"LocationConstraint": "eu-west-1"}
        else:
            streamed = known.has_streaming_output
            parsed = botocore.parsers.create_parser(model.resolved_protocol).parse(
                {"status_code": status, "headers": HeadersDict(headers), "body": body if streamed else body.encode()}, known.output_shape)
            case["result"] = result(known.output_shape, parsed)
        answers.append(case)
    answers += [] if is_every else cbor_answers(loader)
    with open(sys.argv[1], "w") as file:
        json.dump({"botocore": importlib.metadata.version("botocore"), "requests": requests, "answers": answers}, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
