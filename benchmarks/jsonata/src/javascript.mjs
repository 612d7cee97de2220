// The benchmark's other side: jsonata-js, warm, in a process of its own.
//
// node javascript.mjs FOLDER, where FOLDER/node_modules has jsonata. The first line it reads is the workload,
// {"inputs": {name: JSON text}, "transforms": [{"input": name, "expression": text, "bindings": {}?}]}; each further
// line is a request that it answers with one line.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const jsonata = createRequire(process.argv[2] + "/")("jsonata");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;

const workload = JSON.parse(await next());
const inputs = Object.fromEntries(Object.entries(workload.inputs).map(([name, text]) => [name, JSON.parse(text)]));
const transforms = workload.transforms.map(({ input, expression, bindings }) => {
  const compiled = jsonata(expression);
  return () => compiled.evaluate(bindings ? undefined : inputs[input], bindings);
});

let kept; // so that no work is optimised away

async function timed(milliseconds, work) {
  const start = process.hrtime.bigint();
  const end = start + BigInt(milliseconds) * 1_000_000n;
  let rounds = 0;
  let now;
  do {
    kept = await work();
    rounds += 1;
    now = process.hrtime.bigint();
  } while (now < end);
  return { nanoseconds: Number(now - start) / rounds };
}

for (let line = await next(); line !== undefined; line = await next()) {
  const request = JSON.parse(line);
  let answer;
  if (request.result !== undefined) {
    answer = { result: (await transforms[request.result]()) ?? null };
  } else if (request.evaluate !== undefined) {
    answer = await timed(request.milliseconds, transforms[request.evaluate]);
  } else if (request.read !== undefined) {
    const text = workload.inputs[request.read];
    answer = await timed(request.milliseconds, () => JSON.parse(text));
  } else {
    const value = inputs[request.write];
    answer = await timed(request.milliseconds, () => JSON.stringify(value));
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
