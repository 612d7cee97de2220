// Runs a Node handler as AWS Lambda does: loads it, then takes one event after the other from the runtime API.
//
// Only Node's own modules are used. Standard input is a line to the server: when it closes, the server is gone, and
// so is this process with everything that it started.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { AWS_LAMBDA_RUNTIME_API: address, LAMBDA_TASK_ROOT: root, _HANDLER: handlerName } = process.env;
const [host, port] = address.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
process.env.AWS_EXECUTION_ENV ??= `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`;

const serverIsGone = () => {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.exit(1);
  }
};
process.stdin.on('end', serverIsGone).on('error', serverIsGone).resume();
process.stdin.unref?.();

function call(method, operation, body, headers = {}) {
  return new Promise((resolve, reject) => {
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body);
    const request = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/${operation}`, headers });
    request.on('error', reject).on('response', (response) => {
      const chunks = [];
      response
        .on('data', (chunk) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.end(body);
  });
}

function errorDocument(thrown) {
  if (thrown instanceof Error || (thrown && typeof thrown.message === 'string' && typeof thrown.name === 'string')) {
    return {
      errorType: String(thrown.name),
      errorMessage: String(thrown.message),
      trace: String(thrown.stack ?? '').split('\n'),
    };
  }
  let text;
  try {
    text = String(thrown);
  } catch {
    text = typeof thrown;
  }
  return { errorType: typeof thrown, errorMessage: text, trace: [] };
}

function fail(operation, document) {
  // A header takes printable ASCII only.
  const kind = document.errorType.replace(/[^\x20-\x7e]/g, '?');
  return call('POST', operation, JSON.stringify(document), {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': kind,
  });
}

class StartError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
  }
}

async function load() {
  const slash = handlerName.lastIndexOf('/') + 1;
  const dot = handlerName.indexOf('.', slash);
  if (dot <= slash || dot === handlerName.length - 1) {
    throw new StartError('Runtime.MalformedHandlerName', `Bad handler ${handlerName}: give module.function`);
  }
  const moduleName = handlerName.slice(0, dot);
  const names = handlerName.slice(dot + 1).split('.');
  const base = path.resolve(root, moduleName);
  const file = [`${base}.js`, `${base}.mjs`, `${base}.cjs`, base].find((candidate) => fs.statSync(candidate, { throwIfNoEntry: false })?.isFile());
  if (file === undefined) {
    throw new StartError('Runtime.ImportModuleError', `Error: Cannot find module '${moduleName}' in ${root}`);
  }
  let loaded;
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw new StartError('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    if (error?.code === 'ERR_MODULE_NOT_FOUND' || error?.code === 'MODULE_NOT_FOUND') {
      throw new StartError('Runtime.ImportModuleError', `Error: ${error.message}`);
    }
    throw error;
  }
  // CommonJS exports that Node could not see ahead of running the module are only on the default export.
  const find = (from) => names.reduce((value, name) => value?.[name], from);
  const handler = find(loaded) ?? find(loaded.default);
  if (typeof handler !== 'function') {
    throw new StartError('Runtime.HandlerNotFound', `${handlerName} is undefined or not exported`);
  }
  return handler;
}

function parseClientContext(text) {
  return text ? JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) : undefined;
}

// An answer by callback, by promise, or none at all: then the result is null once nothing is left to be done.
let whenIdle;
process.on('beforeExit', () => whenIdle?.());

function run(handler, event, headers) {
  return new Promise((resolve, reject) => {
    whenIdle = () => resolve(null);
    const callback = (error, result) => (error === null || error === undefined ? resolve(result) : reject(error));
    const deadline = Number(headers['lambda-runtime-deadline-ms']);
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      awsRequestId: headers['lambda-runtime-aws-request-id'],
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
      tenantId: headers['lambda-runtime-aws-tenant-id'],
      clientContext: parseClientContext(headers['lambda-runtime-client-context']),
      identity: undefined,
      getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
      done: callback,
      succeed: (result) => resolve(result),
      fail: (error) => reject(error ?? new Error('handled')),
    };
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
  }).finally(() => {
    whenIdle = undefined;
  });
}

function stringify(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    throw new StartError('Runtime.MarshalError', `Unable to stringify response body: ${error.message}`);
  }
}

// Lines that were written before the answer must be read before it.
const written = (stream) => new Promise((resolve) => stream.write('', resolve));

let running;
async function crash(kind, thrown) {
  const document = errorDocument(thrown);
  console.error(thrown);
  if (kind) {
    document.errorMessage = `${document.errorType}: ${document.errorMessage}`;
    document.errorType = kind;
  }
  try {
    await fail(running === undefined ? 'init/error' : `invocation/${running}/error`, document);
  } finally {
    process.exit(1);
  }
}
process.on('uncaughtException', (error) => crash(undefined, error));
process.on('unhandledRejection', (error) => crash('Runtime.UnhandledPromiseRejection', error));

let handler;
try {
  handler = await load();
} catch (error) {
  console.error(error);
  await Promise.all([written(process.stdout), written(process.stderr)]);
  await fail('init/error', errorDocument(error)).catch(() => {});
  process.exit(1);
}
for (;;) {
  const { status, headers, body } = await call('GET', 'invocation/next').catch(() => process.exit(1));
  if (status !== 200) process.exit(1);
  running = headers['lambda-runtime-aws-request-id'];
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] ?? '';
  let result;
  let document;
  try {
    result = stringify(await run(handler, JSON.parse(body), headers));
  } catch (error) {
    console.error(error);
    document = errorDocument(error);
  }
  await Promise.all([written(process.stdout), written(process.stderr)]);
  const request = running;
  running = undefined;
  if (document === undefined) {
    await call('POST', `invocation/${request}/response`, result, { 'Content-Type': 'application/json' }).catch(serverIsGone);
  } else {
    await fail(`invocation/${request}/error`, document).catch(serverIsGone);
  }
}
