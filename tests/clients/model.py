"""Checks answers of a server against botocore's model of Step Functions: nothing unknown, nothing missing, types right."""

import json
import re

# Errors that every operation may have, beside those of its model.
COMMON_ERRORS = {
    "AccessDeniedException",
    "InvalidArn",
    "SerializationException",
    "ThrottlingException",
    "UnknownOperationException",
    "ValidationException",
}
SCALARS = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "timestamp": (int, float),
    "float": (int, float),
    "double": (int, float),
}


def faults(shape, value, place="answer"):
    """What is wrong with a value of JSON, by its shape."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{place}: {type(value).__name__} instead of an object"]
        found = [f"{place}.{name} is missing" for name in shape.required_members if name not in value]
        found += [f"{place}.{name} is not in the model" for name in value if name not in shape.members]
        for name, member in shape.members.items():
            if name in value:
                found += faults(member, value[name], f"{place}.{name}")
        return found
    if kind == "list":
        if not isinstance(value, list):
            return [f"{place}: {type(value).__name__} instead of a list"]
        return [fault for at, item in enumerate(value) for fault in faults(shape.member, item, f"{place}[{at}]")]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{place}: {type(value).__name__} instead of a map"]
        return [fault for name, item in value.items() for fault in faults(shape.value, item, f"{place}.{name}")]
    expected = SCALARS[kind]
    if not isinstance(value, expected) or (expected is not bool and isinstance(value, bool)):
        return [f"{place}: {value!r} is no {kind}"]
    found = []
    if kind == "string":
        if shape.enum and value not in shape.enum:
            found.append(f"{place}: {value!r} is none of {shape.enum}")
        length = len(value)
        limits = shape.metadata
        if not limits.get("min", 0) <= length <= limits.get("max", length):
            found.append(f"{place}: {length} characters, not {limits.get('min', 0)} to {limits.get('max')}")
        # Python has no \p{…}.
        if "\\p" not in limits.get("pattern", "\\p") and not re.fullmatch(limits["pattern"], value):
            found.append(f"{place}: {value!r} does not match {limits['pattern']}")
    return found


class Checker:
    """Looks at every answer that a client gets."""

    def __init__(self, client):
        self.operations = set(client.meta.service_model.operation_names)
        self.answered = set()
        self.refused = {}
        self.faults = []
        client.meta.events.register("after-call.sfn", self.look)

    def look(self, http_response, parsed, model, **_):
        name = model.name
        headers = {key.lower(): value for key, value in http_response.headers.items()}
        if headers.get("content-type") != "application/x-amz-json-1.0":
            self.faults.append(f"{name}: content type {headers.get('content-type')}")
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers.get("x-amzn-requestid", "")):
            self.faults.append(f"{name}: request id {headers.get('x-amzn-requestid')}")
        body = json.loads(http_response.content)
        if http_response.status_code == 200:
            self.answered.add(name)
            shape = model.output_shape
            found = faults(shape, body) if shape else ([] if body == {} else [f"{body} instead of nothing"])
        else:
            code = body.get("__type", "").rsplit("#")[-1]
            self.refused.setdefault(name, set()).add(code)
            known = COMMON_ERRORS | {shape.name for shape in model.error_shapes}
            found = [] if code in known else [f"error {code!r} is not one of the operation: {body}"]
        self.faults += [f"{name}: {fault}" for fault in found]
