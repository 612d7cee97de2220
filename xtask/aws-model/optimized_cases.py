#!/usr/bin/env python3
"""Writes crates/server/tests/wire/SERVICE.json: for every optimized integration and each of its endings, the parameters of a
task, the requests that they must become, what the service answers, and what the task must make of it.

    python3 optimized_cases.py OUTPUT_DIRECTORY

Requests are made by botocore from what the API is to be given, and answers are checked by reading them with botocore, so
that neither rests on our own code. What differs between a task's parameters and the API's is written out below.

Texts that are only known when a test runs: "@token" (of a task), "@uuid" (an idempotency token), "@machine" and
"@execution" (ARNs). A text that starts with "@t" is a time.
"""
import datetime
import importlib.metadata
import json
import pathlib
import sys

import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.awsrequest import HeadersDict
from botocore.validate import ParamValidator

from optimized_rows import ROWS

LOADER = botocore.session.get_session()
UTC = datetime.timezone.utc
TOKEN = "@token"

# The names of the first Java SDK: prefix of errors, the service in causes, the class of errors that no model knows.
FIRST = {
    "athena": ("Athena", "AmazonAthena", "AmazonAthenaException"),
    "batch": ("Batch", "AWSBatch", "AWSBatchException"),
    "bedrock": ("Bedrock", "AmazonBedrock", "AmazonBedrockException"),
    "bedrock-runtime": ("Bedrock", "AmazonBedrockRuntime", "AmazonBedrockRuntimeException"),
    "codebuild": ("CodeBuild", "AWSCodeBuild", "AWSCodeBuildException"),
    "databrew": ("DataBrew", "AWSGlueDataBrew", "AWSGlueDataBrewException"),
    "dynamodb": ("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException"),
    "ecs": ("ECS", "AmazonECS", "AmazonECSException"),
    "eks": ("EKS", "AmazonEKS", "AmazonEKSException"),
    "emr": ("ElasticMapReduce", "AmazonElasticMapReduce", "AmazonElasticMapReduceException"),
    "emr-containers": ("EMRContainers", "AmazonEMRContainers", "AmazonEMRContainersException"),
    "emr-serverless": ("EMRServerless", "AWSEMRServerless", "AWSEMRServerlessException"),
    "events": ("EventBridge", "AmazonEventBridge", "AmazonEventBridgeException"),
    "glue": ("Glue", "AWSGlue", "AWSGlueException"),
    "lambda": ("Lambda", "AWSLambda", "AWSLambdaException"),
    "mediaconvert": ("MediaConvert", "AWSMediaConvert", "AWSMediaConvertException"),
    "s3": ("S3", "Amazon S3", "AmazonS3Exception"),
    "sagemaker": ("SageMaker", "AmazonSageMaker", "AmazonSageMakerException"),
    "sns": ("SNS", "AmazonSNS", "AmazonSNSException"),
    "sqs": ("SQS", "AmazonSQS", "AmazonSQSException"),
}
# Codes upon which a call is made again.
REPEATED = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded", "LimitExceededException",
}


def model_of(client):
    return LOADER.get_service_model(client)


def moment(text):
    return datetime.datetime.fromisoformat(text[2:].replace("Z", "+00:00"))


def given(value):
    """What botocore takes for what is written in the rows."""
    if isinstance(value, dict):
        return {key: given(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [given(entry) for entry in value]
    return moment(value) if isinstance(value, str) and value.startswith("@t2") else value


def api_input(shape, parameters):
    """A task's parameters in the API's own letters: only the first letter of a member's name differs."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            return parameters
        members = {name[0].upper() + name[1:]: name for name in shape.members}
        return {members[key]: api_input(shape.members[members[key]], value) for key, value in parameters.items()}
    if shape.type_name == "list":
        return [api_input(shape.member, value) for value in parameters]
    if shape.type_name == "map":
        return {key: api_input(shape.value, value) for key, value in parameters.items()}
    return parameters


def shown(shape, value):
    """What botocore read, as a task of an optimized integration shows it."""
    if shape.type_name == "structure":
        return {key[0].upper() + key[1:]: shown(shape.members[key], entry) for key, entry in value.items() if key in shape.members}
    if shape.type_name == "list":
        return [shown(shape.member, entry) for entry in value]
    if shape.type_name == "map":
        return {key: shown(shape.value, entry) for key, entry in value.items()}
    if shape.type_name == "timestamp":
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.decode() if isinstance(value, bytes) else value


def on_the_wire(shape, value):
    """The body in JSON of what a service answers."""
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{shape.name} has no {unknown}"
        return {
            shape.members[key].serialization.get("name", key): on_the_wire(shape.members[key], entry)
            for key, entry in value.items()
        }
    if shape.type_name == "list":
        return [on_the_wire(shape.member, entry) for entry in value]
    if shape.type_name == "map":
        return {key: on_the_wire(shape.value, entry) for key, entry in value.items()}
    if shape.type_name == "timestamp":
        return value[2:] if shape.serialization.get("timestampFormat") == "iso8601" else moment(value).timestamp()
    if shape.type_name == "string" and shape.enum:
        assert value in shape.enum, f"{shape.name} can't be {value}"
    return value


def request(client, name, parameters):
    model = model_of(client)
    operation = model.operation_model(name)
    parameters = given(parameters)
    if operation.input_shape is not None:
        for member, shape in operation.input_shape.members.items():
            if shape.metadata.get("idempotencyToken") and member not in parameters:
                parameters[member] = "@uuid"
        report = ParamValidator().validate(parameters, operation.input_shape)
        problems = [line for line in report.generate_report().splitlines() if "@uuid" not in line and "length" not in line]
        assert not problems, f"{client} {name}: {problems}"
    made = botocore.serialize.create_serializer(model.resolved_protocol, include_validation=False).serialize_to_request(parameters, operation)
    query = made.get("query_string") or {}
    if isinstance(query, dict):
        query = [[key, entry] for key, entries in query.items() for entry in (entries if isinstance(entries, list) else [entries])]
    body = made["body"]
    if isinstance(body, dict):
        body = {"form": {key: str(entry) for key, entry in body.items()}}
    else:
        text = body.decode() if isinstance(body, (bytes, bytearray)) else body or ""
        try:
            body = {"json": json.loads(text)}
        except ValueError:
            body = {"text": text}
    headers = {key.lower(): value.split("; charset")[0] for key, value in made["headers"].items()}
    headers.pop("content-length", None)
    return {
        "method": made["method"], "path": made["url_path"], "query": [[key, str(value)] for key, value in query],
        "headers": headers, "signed_for": model.signing_name, **body,
    }


def answer(client, name, value):
    """The answer of a service, and what a task shows of it."""
    model = model_of(client)
    operation = model.operation_model(name)
    shape = operation.output_shape
    headers = {}
    if isinstance(value, tuple):
        # What JSON can't say: headers and the body's text.
        headers, text = value
    elif shape is None or not shape.members:
        assert not value
        text = "{}" if model.resolved_protocol == "json" else ""
    else:
        text = json.dumps(on_the_wire(shape, value))
    result = {}
    if shape is not None and shape.members:
        body = text.encode() if not operation.has_streaming_output else text
        parsed = botocore.parsers.create_parser(model.resolved_protocol).parse(
            {"status_code": 200, "headers": HeadersDict(headers), "body": body}, shape)
        parsed.pop("ResponseMetadata", None)
        if not isinstance(value, tuple):
            assert parsed == given(value), f"{client} {name}: {parsed} is not {given(value)}"
        result = shown(shape, parsed)
    return {"status": 200, "headers": headers, "body": text}, result


def refusal(client, code, message, shape=None, status=400):
    """An answer with an error."""
    protocol = model_of(client).resolved_protocol
    headers, body = {}, json.dumps({"__type": f"com.amazonaws#{shape or code}", "message": message})
    if shape is not None:
        headers["x-amzn-query-error"] = f"{code};Sender"
    if protocol == "rest-json":
        headers, body = {"x-amzn-errortype": code}, json.dumps({"message": message})
    if protocol == "query":
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    if protocol == "rest-xml":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>r</RequestId></Error>"
    return {"status": status, "headers": headers, "body": body}


def failure(client, name, code, message, status=400):
    prefix, service, base = FIRST[client]
    cause = f"{message} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: @request; Proxy: null)"
    return {"error": f"{prefix}.{name or base}", "cause": cause}


def refusals(client, operation):
    """(what is special, answer, outcome) of a declared error and of one that no model knows."""
    model = model_of(client)
    for shape in model.operation_model(operation).error_shapes:
        error = shape.metadata.get("error", {})
        code = error.get("code", shape.name)
        status = error.get("httpStatusCode", 400)
        if code in REPEATED or shape.name in REPEATED or status >= 500 or error.get("fault") or shape.metadata.get("fault"):
            continue
        if model.resolved_protocol == "rest-json":
            code = shape.name
        name = shape.name if shape.name.endswith("Exception") else shape.name + "Exception"
        is_query_compatible = "awsQueryCompatible" in model.metadata
        made = refusal(client, code, "It can't be.", shape.name if is_query_compatible else None)
        yield "refused", made, failure(client, name, code, "It can't be.")
        break
    yield "refused for a reason that no model knows", refusal(client, "Unheard0f", "Nor this."), failure(client, None, "Unheard0f", "Nor this.")


def exchange(client, name, parameters, value):
    made, result = answer(client, name, value)
    return {"request": request(client, name, parameters), "answer": made}, result


def cases_of(row):
    client, operation = row["client"], row["operation"]
    shape = model_of(client).operation_model(operation).input_shape
    before = [exchange(row.get("before_client", client), *call)[0] for call in row.get("before", [])]
    after = [exchange("s3", *call)[0] for call in row.get("after", [])]
    has_metadata = row.get("metadata", True)

    def case(resource, about, parameters, exchanges, outcome):
        return {"resource": resource, "about": about, "parameters": parameters, "exchanges": exchanges, "outcome": outcome}

    def start(parameters, written):
        made, result = exchange(client, operation, written if written is not None else api_input(shape, parameters), row["answer"])
        return made, row["result"](result, parameters) if "result" in row else result

    parameters = row["parameters"]
    started, result = start(parameters, row.get("input"))
    if not row.get("is_extra"):
        for about, refused, outcome in refusals(client, operation):
            yield case(row["resource"], about, parameters, [*before, started | {"answer": refused}], outcome)
    if "outcome" in row:
        for resource in row["resources"]:
            yield case(resource, row["about"], parameters, [*before, started, *after], row["outcome"](result))
        return
    if "R" in row["endings"]:
        yield case(row["resource"], row.get("about", "answered"), parameters, [*before, started, *after], {"result": result, "has_metadata": has_metadata})
    if "T" in row["endings"]:
        parameters, written = row["token"]
        waiting, result = start(parameters, written)
        yield case(row["resource"] + ".waitForTaskToken", "ended by its token", parameters, [*before, waiting, *after], {"submitted": result, "has_metadata": has_metadata})
    if "S" in row["endings"]:
        yield from sync_cases(row, case, start)


def sync_cases(row, case, start):
    client, job = row["client"], row["job"]
    resource = row["resource"] + ".sync"
    parameters = row["parameters"]
    started, _ = start(parameters, row.get("sync_input", row.get("input")))

    def look(description):
        if description == "gone":
            request_ = request(client, job["describe"], job["ask"])
            return {"request": request_, "answer": refusal(client, "ResourceNotFoundException", "gone", status=404)}, {}
        made, result = exchange(client, job["describe"], job["ask"], description)
        return made, job["result"](result) if "result" in job and description != "gone" else result

    running = [look(job["shown"](status))[0] for status in job["running"]]
    for number, description in enumerate(job["good"]):
        ended, result = look(description if not isinstance(description, str) or description == "gone" else job["shown"](description))
        yield case(resource, "ended well" + (f" ({number + 1})" if number else ""), parameters,
                   [started, *(running if number == 0 else []), ended], {"result": result, "has_metadata": False})
    for number, description in enumerate(job["bad"]):
        ended, result = look(description if not isinstance(description, str) else job["shown"](description))
        yield case(resource, "ended badly" + (f" ({number + 1})" if number else ""), parameters,
                   [started, ended], {"error": "States.TaskFailed", "cause": {"json": result}})
    about, refused, outcome = next(refusals(client, row["operation"]))
    yield case(resource, about, parameters, [started | {"answer": refused}], outcome)
    looked = {"request": request(client, job["describe"], job["ask"])}
    refused = looked | {"answer": refusal(client, "Unheard0f", "No.", status=403)}
    yield case(resource, "may not be looked at", parameters, [started, refused], failure(client, None, "Unheard0f", "No.", 403))
    # The client asks three times, and then the task looks again.
    throttled = looked | {"answer": refusal(client, "ThrottlingException", "Rate exceeded")}
    last = job["good"][-1]
    ended, result = look(job["shown"](last) if isinstance(last, str) and last != "gone" else last)
    yield case(resource, "ended well although looks were refused for a time", parameters,
               [started, throttled, throttled, throttled, ended], {"result": result, "has_metadata": False})
    if job.get("cancel"):
        cancelled, _ = exchange(client, *job["cancel"])
        watched = look(job["shown"](job["running"][-1]))[0] | {"repeats": True}
        yield case(resource, "given up", parameters, [started, watched, cancelled], {"cancelled": True})


def main():
    directory = pathlib.Path(sys.argv[1])
    services = {}
    for row in ROWS:
        services.setdefault(row["resource"].split(":")[0], []).extend(cases_of(row))
    version = importlib.metadata.version("botocore")
    for service, cases in services.items():
        text = json.dumps({"botocore": version, "cases": cases}, indent=1, ensure_ascii=False)
        (directory / f"{service}.json").write_text(text + "\n")
    print(sum(map(len, services.values())), "cases")


if __name__ == "__main__":
    main()
