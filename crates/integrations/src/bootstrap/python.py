"""Runs a Python handler as AWS Lambda does: loads it, then takes one event after the other from the runtime API.

Only the standard library is used. Standard input is a line to the server: when it closes, the server is gone, and so
is this process with everything that it started.
"""

import decimal
import http.client
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback

PREFIX = "/2018-06-01/runtime/"
OWN_FILE = os.path.abspath(__file__)
ENSURE_ASCII = sys.version_info < (3, 12)  # as Lambda's runtimes for these versions do


def follow_server():
    """Ends the process group when standard input closes, and keeps handlers off it."""
    line = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait():
        try:
            while os.read(line, 4096):
                pass
        except OSError:
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class Server:
    """The runtime API over one kept connection."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, PREFIX + path, body, headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def next(self):
        response, body = self.call("GET", "invocation/next")
        if response.status != 200:
            raise ConnectionError("the runtime API answered %d" % response.status)
        return response.headers, body

    def answer(self, request_id, body):
        self.call("POST", "invocation/%s/response" % request_id, body, {"Content-Type": "application/json"})

    def fail(self, path, document):
        # A header takes ASCII only; the document has the name in full.
        kind = document["errorType"].encode("ascii", "replace").decode("ascii")
        headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": kind}
        self.call("POST", path, dump(document), headers)


class Identity:
    """Who called through a mobile SDK; never known here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Client:
    """The calling application, as its client context tells."""

    def __init__(self, values):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, values.get(name))


class ClientContext:
    """The caller's `ClientContext`."""

    def __init__(self, values):
        self.custom = values.get("custom")
        self.env = values.get("env")
        self.client = Client(values["client"]) if isinstance(values.get("client"), dict) else None


class Context:
    """The handler's second argument."""

    def __init__(self, headers):
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = Identity()
        self.client_context = None
        self._deadline = int(headers.get("Lambda-Runtime-Deadline-Ms") or 0)
        text = headers.get("Lambda-Runtime-Client-Context")
        if text:
            values = json.loads(text.encode("latin-1").decode("utf-8"))
            if isinstance(values, dict):
                self.client_context = ClientContext(values)

    def get_remaining_time_in_millis(self):
        """Milliseconds until the time limit."""
        return max(int(self._deadline - time.time() * 1000), 0)

    def log(self, message):
        """Writes to the log."""
        sys.stdout.write(str(message))


def number(value):
    """Decimals come out as numbers, as Lambda writes them."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def dump(value):
    return json.dumps(value, ensure_ascii=ENSURE_ASCII, default=number).encode("utf-8", "surrogatepass")


def error_document(kind, message, frames, request_id=""):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": frames}


def message_of(error):
    """The exception's text; an exception that can't even say it must not end the process."""
    try:
        return str(error)
    except Exception:
        return ""


def handler_frames(error):
    """The trace without the frames of this file and of the import system."""
    frames = traceback.extract_tb(error.__traceback__)
    hidden = (OWN_FILE, importlib.__file__)
    own = [f for f in frames if os.path.abspath(f.filename) not in hidden and not f.filename.startswith("<frozen")]
    return traceback.format_list(own)


def load(handler):
    """Gives the handler function, or the error document that says why there is none."""
    module_name, dot, function_name = handler.rpartition(".")
    if not dot or not module_name:
        text = "Bad handler '%s': give module.function" % handler
        return None, error_document("Runtime.MalformedHandlerName", text, [])
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = "Unable to import module '%s': %s" % (module_name, error)
        return None, error_document("Runtime.ImportModuleError", text, [])
    except SyntaxError as error:
        text = "Syntax error in module '%s': %s" % (module_name, error)
        frames = ['  File "%s" Line %s\n    %s\n' % (error.filename, error.lineno, (error.text or "").strip())]
        return None, error_document("Runtime.UserCodeSyntaxError", text, frames)
    except Exception as error:
        return None, error_document(type(error).__name__, message_of(error), handler_frames(error))
    function = getattr(module, function_name, None)
    if not callable(function):
        text = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        return None, error_document("Runtime.HandlerNotFound", text, [])
    return function, None


def run(function, headers, body):
    """Runs one event; gives the result's bytes or the error document."""
    request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
    try:
        event = json.loads(body)
    except Exception as error:
        text = "Unable to unmarshal input: %s" % error
        return None, error_document("Runtime.UnmarshalError", text, [], request_id)
    try:
        result = function(event, Context(headers))
    except Exception as error:
        frames = handler_frames(error)
        print("".join(traceback.format_exception(type(error), error, error.__traceback__)), end="", file=sys.stderr)
        return None, error_document(type(error).__name__, message_of(error), frames, request_id)
    try:
        return dump(result), None
    except Exception as error:
        text = "Unable to marshal response: %s" % error
        return None, error_document("Runtime.MarshalError", text, [], request_id)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def main():
    follow_server()
    os.environ.setdefault("AWS_EXECUTION_ENV", "AWS_Lambda_python%d.%d" % sys.version_info[:2])
    # What was printed before a time limit strikes must not be lost in a buffer.
    sys.stdout.reconfigure(line_buffering=True)
    # The function's modules come first, and this script's folder is none of theirs.
    own_folder = os.path.dirname(OWN_FILE)
    sys.path[:] = [os.environ["LAMBDA_TASK_ROOT"]] + [f for f in sys.path if os.path.abspath(f) != own_folder]
    sys.argv = [os.environ["_HANDLER"]]
    server = Server(os.environ["AWS_LAMBDA_RUNTIME_API"])
    function, document = load(os.environ["_HANDLER"])
    if document is not None:
        print("[ERROR] %s: %s" % (document["errorType"], document["errorMessage"]), file=sys.stderr)
        flush()
        server.fail("init/error", document)
        sys.exit(1)
    while True:
        headers, body = server.next()
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id") or ""
        result, document = run(function, headers, body)
        flush()
        request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        if document is None:
            server.answer(request_id, result)
        else:
            server.fail("invocation/%s/error" % request_id, document)


if __name__ == "__main__":
    try:
        main()
    except (ConnectionError, http.client.HTTPException):
        # The server is gone.
        sys.exit(1)
