#!/usr/bin/env python3
"""Makes crates/aws-model/data from an installed botocore; `cargo xtask aws-model` runs it.

    python3 make.py OUTPUT_DIRECTORY

Writes models.bin (the compact models, one compressed part a service; see crates/aws-model/src/container.rs for the bytes
and crates/aws-model/src/read.rs for the members) and botocore's LICENSE and NOTICE beside it. What is kept: operations,
the shapes that they reach, wire traits, required members, enums, limits, error codes, endpoints. What is left out: texts,
patterns, paginators, waiters. The output depends on the version of botocore alone.
"""
import glob
import gzip
import importlib.metadata
import json
import os
import re
import shutil
import struct
import sys
import zlib

import botocore
import botocore.endpoint_provider
import botocore.loaders

DATA = os.path.join(os.path.dirname(botocore.__file__), "data")
FORMAT = 1
SCALARS = {"string", "boolean", "integer", "long", "float", "double", "blob", "timestamp"}
# Of the protocols that a service speaks the first of these is used.
PREFERENCE = ["json", "rest-json", "query", "ec2", "rest-xml", "smithy-rpc-v2-cbor"]


def words_of(text):
    """The Java SDK's splitOnWordBoundaries."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", text)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z]([a-zA-Z]|[0-9]))", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return text.split()


def pascal_case(text):
    return "".join(word.lower().capitalize() for word in words_of(text))


def service_prefix(service_id):
    """The name that errors of `aws-sdk` tasks start with; in lower case, the word in `Resource`."""
    name = pascal_case(service_id)
    for leading in ("Amazon", "Aws"):
        name = name.removeprefix(leading)
    return name.removesuffix("Service")


def exception_class(shape):
    if shape.endswith("Fault"):
        return pascal_case(shape.removesuffix("Fault")) + "Exception"
    name = pascal_case(shape)
    return name if shape.endswith("Exception") else name + "Exception"


class Shapes:
    """The shapes that a service's operations reach, numbered; equal ones without a name of their own are one."""

    def __init__(self, model, keeps_names):
        self.model, self.keeps_names = model["shapes"], keeps_names
        self.list, self.numbers, self.known = [], {}, {}

    def number(self, name):
        if name in self.numbers:
            return self.numbers[name]
        shape = self.model[name]
        if shape["type"] in SCALARS:
            made = self.scalar(shape)
            key = json.dumps(made, sort_keys=True)
            if key not in self.known:
                self.known[key] = len(self.list)
                self.list.append(made)
            self.numbers[name] = self.known[key]
            return self.numbers[name]
        # The number must exist before the members are visited: shapes may hold themselves.
        number = self.numbers[name] = len(self.list)
        self.list.append(None)
        self.list[number] = self.aggregate(name, shape)
        return number

    def scalar(self, shape):
        made = {"t": shape["type"]}
        for source, target in (("enum", "e"), ("min", "i"), ("max", "a"), ("timestampFormat", "f")):
            if source in shape:
                made[target] = shape[source]
        if shape.get("streaming"):
            made["s"] = 1
        if shape.get("requiresLength"):
            made["l"] = 1
        if shape.get("jsonvalue"):
            made["j"] = 1
        return made

    def aggregate(self, name, shape):
        kind = shape["type"]
        made = {"t": kind}
        for source, target in (("min", "i"), ("max", "a")):
            if source in shape:
                made[target] = shape[source]
        for flag, target in (("flattened", "x"), ("streaming", "s"), ("union", "u"), ("document", "d"), ("eventstream", "v"), ("sparse", "z")):
            if shape.get(flag):
                made[target] = 1
        if "locationName" in shape:
            made["n"] = shape["locationName"]
        if "xmlNamespace" in shape:
            made["w"] = namespace(shape["xmlNamespace"])
        if kind == "list":
            made["m"] = self.member(shape["member"])
        elif kind == "map":
            made["k"] = self.member(shape["key"])
            made["m"] = self.member(shape["value"])
        else:
            assert kind == "structure", (name, kind)
            required = set(shape.get("required", ()))
            members = []
            for member_name, member in shape.get("members", {}).items():
                entry = self.member(member)
                entry = entry if isinstance(entry, list) else [entry]
                flags = dict(entry[1]) if len(entry) > 1 else {}
                if member_name in required:
                    flags["r"] = 1
                if member_name == shape.get("payload"):
                    flags["p"] = 1
                members.append([member_name, entry[0], flags] if flags else [member_name, entry[0]])
            made["m"] = members
            if shape.get("exception") or shape.get("error") or shape.get("fault"):
                made["o"] = name
                code = shape.get("error", {}).get("code")
                if code and code != name:
                    made["c"] = code
                java = exception_class(name)
                if java != name:
                    made["y"] = java
            elif self.keeps_names:
                # The root element of an XML body is called so.
                made.setdefault("n", name)
        return made

    def member(self, member):
        number = self.number(member["shape"])
        flags = {}
        for source, target in (("location", "l"), ("locationName", "n"), ("timestampFormat", "f"), ("queryName", "q"), ("contextParam", "C")):
            if source in member:
                value = member[source]
                flags[target] = value["name"] if source == "contextParam" else value
        for flag, target in (("idempotencyToken", "t"), ("streaming", "s"), ("flattened", "x"), ("xmlAttribute", "b"),
                             ("hostLabel", "h"), ("jsonvalue", "j"), ("eventpayload", "v")):
            if member.get(flag):
                flags[target] = 1
        if "xmlNamespace" in member:
            flags["w"] = namespace(member["xmlNamespace"])
        return [number, flags] if flags else number


def namespace(value):
    return value if isinstance(value, str) else [value.get("prefix"), value["uri"]] if value.get("prefix") else value["uri"]


def service_model(directory, model, endpoints):
    metadata = model["metadata"]
    offered = metadata.get("protocols") or [metadata["protocol"]]
    protocol = next(name for name in PREFERENCE if name in offered)
    shapes = Shapes(model, protocol == "rest-xml")
    operations = []
    for name, operation in sorted(model["operations"].items()):
        made = {"n": name}
        http = operation.get("http", {})
        if http.get("method", "POST") != "POST":
            made["m"] = http["method"]
        if http.get("requestUri", "/") != "/":
            made["u"] = http["requestUri"]
        for side, target in (("input", "i"), ("output", "o")):
            if side in operation:
                made[target] = shapes.number(operation[side]["shape"])
                if side == "input":
                    if "locationName" in operation[side]:
                        made["l"] = operation[side]["locationName"]
                    if "xmlNamespace" in operation[side]:
                        made["w"] = namespace(operation[side]["xmlNamespace"])
                elif "resultWrapper" in operation[side]:
                    if operation[side]["resultWrapper"] != name + "Result":
                        made["r"] = operation[side]["resultWrapper"]
        if operation.get("errors"):
            made["e"] = [shapes.number(error["shape"]) for error in operation["errors"]]
        if "hostPrefix" in operation.get("endpoint", {}):
            made["h"] = operation["endpoint"]["hostPrefix"]
        if operation.get("authtype") == "none" or operation.get("auth") == ["smithy.api#noAuth"]:
            made["a"] = "none"
        if "unsigned-payload" in operation.get("authtype", "") or operation.get("unsignedPayload"):
            made["a"] = "unsigned"
        if operation.get("httpChecksumRequired") or operation.get("httpChecksum", {}).get("requestChecksumRequired"):
            made["k"] = 2
        elif operation.get("httpChecksum", {}).get("requestAlgorithmMember"):
            made["k"] = 1
        if operation.get("deprecated"):
            made["d"] = 1
        if is_event_stream(model, operation):
            made["v"] = 1
        operations.append(made)
    # Errors that no operation declares may still come.
    for name, shape in sorted(model["shapes"].items()):
        if shape.get("exception"):
            shapes.number(name)
    prefix = service_prefix(metadata["serviceId"])
    made = {
        "id": metadata["serviceId"], "prefix": prefix, "dir": directory, "protocol": protocol,
        "version": metadata["apiVersion"], "endpoint": metadata["endpointPrefix"],
        "signing": metadata.get("signingName", metadata["endpointPrefix"]),
    }
    for source, target in (("targetPrefix", "target"), ("jsonVersion", "json"), ("signatureVersion", "signature")):
        if source in metadata:
            made[target] = metadata[source]
    if "xmlNamespace" in metadata:
        made["namespace"] = namespace(metadata["xmlNamespace"])
    if "awsQueryCompatible" in metadata:
        made["query_compatible"] = 1
    made["endpoints"] = endpoints
    made["operations"] = operations
    made["shapes"] = shapes.list
    return made


def is_event_stream(model, operation):
    for side in ("input", "output"):
        if side in operation:
            shape = model["shapes"][operation[side]["shape"]]
            if any(model["shapes"][member["shape"]].get("eventstream") for member in shape.get("members", {}).values()):
                return True
    return False


def load(path):
    return json.load(gzip.open(path) if path.endswith(".gz") else open(path))


PARTITIONS = load(glob.glob(os.path.join(DATA, "partitions.json*"))[0])


def regions():
    """(region, suffix) of every partition."""
    for partition in PARTITIONS["partitions"]:
        for region in sorted(partition["regions"]):
            if "global" not in region:
                yield region, partition["outputs"]["dnsSuffix"]


def endpoints_of(version_directory):
    """Where the service is in each region, as botocore's own rules say without parameters of a call: a template and the
    regions where it is another: {"u": template, "r": {region: [url template, signing name, signing region]}}."""
    paths = glob.glob(os.path.join(version_directory, "endpoint-rule-set-1.json*"))
    if not paths:
        return None
    rules = load(paths[0])
    resolver = botocore.endpoint_provider.EndpointProvider(rules, PARTITIONS)
    found = {}
    for region, suffix in regions():
        parameters = {"Region": region, "UseFIPS": False, "UseDualStack": False, "UseGlobalEndpoint": False,
                      "AccountIdEndpointMode": "disabled", "ForcePathStyle": True, "UseArnRegion": True}
        parameters = {name: value for name, value in parameters.items() if name in rules["parameters"]}
        try:
            endpoint = resolver.resolve_endpoint(**parameters)
        except Exception:
            continue
        # The longer of the two first: a suffix never holds a region, but a host may hold the region twice.
        url = endpoint.url.replace(region, "{region}").replace(suffix, "{suffix}")
        schemes = endpoint.properties.get("authSchemes") or [{}]
        scheme = next((scheme for scheme in schemes if scheme.get("name") == "sigv4"), schemes[0])
        signing_region = scheme.get("signingRegion")
        found[region] = (url, scheme.get("signingName"), None if signing_region == region else signing_region)
    if not found:
        return None
    counts = {}
    for value in found.values():
        counts[value] = counts.get(value, 0) + 1
    usual = max(sorted(counts, key=str), key=counts.get)
    made = {"u": list(usual)}
    others = {region: list(value) for region, value in found.items() if value != usual}
    if others:
        made["r"] = others
    return made


def compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=False).encode()


def main():
    output = sys.argv[1]
    os.makedirs(output, exist_ok=True)
    version = importlib.metadata.version("botocore")
    services = []
    for directory in sorted(os.listdir(DATA)):
        versions = sorted(glob.glob(os.path.join(DATA, directory, "*", "service-2.json*")))
        if not versions:
            continue
        path = versions[-1]
        services.append(service_model(directory, load(path), endpoints_of(os.path.dirname(path))))
    services.sort(key=lambda service: service["prefix"].lower())
    # One service is there under two names with the same model.
    services = [service for service in services if service["dir"] != "sms-voice"]
    words = [service["prefix"].lower() for service in services]
    assert len(set(words)) == len(words), [word for word in words if words.count(word) > 1]
    parts, index, offset = [], [], 0
    for service in services:
        text = compact(service)
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
        part = compressor.compress(text) + compressor.flush()
        index.append([service["prefix"], service["dir"], offset, len(part), len(text)])
        parts.append(part)
        offset += len(part)
    partitions = [
        [
            partition["id"],
            # `us` of `us-east-1`, `us-gov` of `us-gov-west-1`.
            sorted({region.rsplit("-", 2)[0] for region in partition["regions"] if "global" not in region}),
            partition["outputs"]["dnsSuffix"],
        ]
        for partition in PARTITIONS["partitions"]
    ]
    header = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    text = compact({"botocore": version, "partitions": partitions, "services": index})
    packed = header.compress(text) + header.flush()
    with open(os.path.join(output, "models.bin"), "wb") as file:
        file.write(b"STEPAWS" + bytes([FORMAT]) + struct.pack("<II", len(packed), len(text)) + packed)
        for part in parts:
            file.write(part)
    information = importlib.metadata.distribution("botocore")
    for name in ("LICENSE.txt", "NOTICE"):
        source = next(str(information.locate_file(path)) for path in information.files if path.name == name)
        shutil.copyfile(source, os.path.join(output, "botocore-" + name.removesuffix(".txt")))
    operations = sum(len(service["operations"]) for service in services)
    shapes = sum(len(service["shapes"]) for service in services)
    size = os.path.getsize(os.path.join(output, "models.bin"))
    print(f"botocore {version}: {len(services)} services, {operations} operations, {shapes} shapes, {size} bytes")


if __name__ == "__main__":
    main()
