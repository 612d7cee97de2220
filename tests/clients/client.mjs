// A workflow from create to delete, by the AWS SDK for JavaScript v3. Its client is made by the text that
// `stepwell env --client js` prints, which test_javascript.py puts before this.
import assert from "node:assert/strict";
import {
  CreateActivityCommand,
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetActivityTaskCommand,
  PublishStateMachineVersionCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StateMachineDoesNotExist,
  TaskTimedOut,
  ValidateStateMachineDefinitionCommand,
  paginateGetExecutionHistory,
  paginateListStateMachines,
} from "@aws-sdk/client-sfn";

const roleArn = "arn:aws:iam::000000000000:role/test";
const pass = JSON.stringify({ StartAt: "P", States: { P: { Type: "Pass", End: true } } });
const create = (name, definition, more = {}) => sfn.send(new CreateStateMachineCommand({ name, definition, roleArn, ...more }));

async function end(executionArn) {
  for (;;) {
    const answer = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (answer.status !== "RUNNING") return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// State machine and execution.
const made = await create("js", pass, { tags: [{ key: "a", value: "b" }] });
const { stateMachineArn } = made;
const described = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
assert.equal(described.definition, pass);
assert.ok(described.creationDate instanceof Date);
assert.equal(described.creationDate.getTime(), made.creationDate.getTime());
const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: '{"a": 1}' }));
const ended = await end(executionArn);
assert.deepEqual([ended.status, ended.output], ["SUCCEEDED", '{"a": 1}']);
assert.ok(ended.stopDate >= ended.startDate);
const events = [];
for await (const page of paginateGetExecutionHistory({ client: sfn, pageSize: 1 }, { executionArn })) events.push(...page.events);
assert.deepEqual(events.map((event) => event.type), ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]);
const machines = [];
for await (const page of paginateListStateMachines({ client: sfn, pageSize: 1 }, {})) machines.push(...page.stateMachines);
assert.ok(machines.some((machine) => machine.stateMachineArn === stateMachineArn));
const version = await sfn.send(new PublishStateMachineVersionCommand({ stateMachineArn }));
assert.equal(version.stateMachineVersionArn, `${stateMachineArn}:1`);

// The SDK checks nothing itself: the server does, and its errors have their classes.
const missing = stateMachineArn + "-missing";
await assert.rejects(sfn.send(new DescribeStateMachineCommand({ stateMachineArn: missing })), (error) => {
  assert.ok(error instanceof StateMachineDoesNotExist);
  assert.equal(error.name, "StateMachineDoesNotExist");
  assert.match(error.message, /js-missing/);
  assert.ok(error.$metadata.requestId);
  return true;
});
await assert.rejects(create("", pass), { name: /^(ValidationException|InvalidName)$/ });
await assert.rejects(create("no-definition"), { name: "ValidationException" });
const validated = await sfn.send(new ValidateStateMachineDefinitionCommand({ definition: "{}" }));
assert.equal(validated.result, "FAIL");

// Synchronous Express: without disableHostPrefix it would go to sync-HOST.
const express = await create("js-express", pass, { type: "EXPRESS" });
const answer = await sfn.send(new StartSyncExecutionCommand({ stateMachineArn: express.stateMachineArn, input: "[1]" }));
assert.deepEqual([answer.status, answer.output], ["SUCCEEDED", "[1]"]);

// A worker.
const { activityArn } = await sfn.send(new CreateActivityCommand({ name: "js-work" }));
const task = { Type: "Task", Resource: activityArn, End: true };
const works = await create("js-works", JSON.stringify({ StartAt: "T", States: { T: task } }));
for (const succeeds of [true, false]) {
  const started = await sfn.send(new StartExecutionCommand({ stateMachineArn: works.stateMachineArn, input: "2" }));
  const { taskToken, input } = await sfn.send(new GetActivityTaskCommand({ activityArn, workerName: "node" }));
  assert.equal(input, "2");
  await sfn.send(new SendTaskHeartbeatCommand({ taskToken }));
  const command = succeeds ? new SendTaskSuccessCommand({ taskToken, output: "4" }) : new SendTaskFailureCommand({ taskToken, error: "E", cause: "c" });
  await sfn.send(command);
  const { status, output, error } = await end(started.executionArn);
  assert.deepEqual([status, output, error], succeeds ? ["SUCCEEDED", "4", undefined] : ["FAILED", undefined, "E"]);
  await assert.rejects(sfn.send(new SendTaskSuccessCommand({ taskToken, output: "5" })), (late) => late instanceof TaskTimedOut);
}
await sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
console.log("ok");
