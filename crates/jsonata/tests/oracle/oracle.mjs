// What jsonata-js makes of expressions, for the differential test.
//
// node oracle.mjs FOLDER, where FOLDER/node_modules has jsonata. Each line read is a request, each line written its
// answer:
//   {"name": "n", "data": any}                                keeps data under a name; no answer
//   {"expression": "…", "on": "n", "bindings": {…}?}          evaluates with that data as the root
// Answers: {"value": any}, {"undefined": true}, {"function": true}, {"code": "T2001"}, {"limit": true} for what takes too
// long or nests too deep, and {"crash": "TypeError: …"} for errors of JavaScript's own.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { differences } from "./differences.mjs";

// jsonata-js, changed where our evaluator is meant to differ from it.
function load() {
  const require = createRequire(process.argv[2] + "/");
  let source = readFileSync(require.resolve("jsonata"), "utf8");
  for (const { reason, from, to } of differences) {
    if (!source.includes(from)) throw new Error(`not there: ${reason}`);
    source = source.replaceAll(from, () => to);
  }
  const module = { exports: {} };
  new Function("module", "exports", "require", "define", source)(module, module.exports, require, undefined);
  return module.exports;
}

// The time that the tests' host gives. What is limited is measured with another clock.
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [1_700_000_000_000] : given));
  }
};

const jsonata = load();
const DEPTH = 500;
const MILLISECONDS = 500;
const data = new Map();

class Limit extends Error {}

function isFunction(value) {
  return typeof value === "function" || value?._jsonata_function === true || value?._jsonata_lambda === true;
}

// The value as JSON has it: numbers that are none as strings, undefined members left out, undefined elements null.
function plain(value, depth = 0) {
  if (depth > 400) throw new Limit();
  if (isFunction(value)) throw isFunction;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return Array.from(value, (item) => (item === undefined ? null : plain(item, depth + 1)));
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(members.map(([key, member]) => [key, plain(member, depth + 1)]));
  }
  return value;
}

async function answer({ expression, on, bindings }) {
  try {
    const compiled = jsonata(expression);
    const end = performance.now() + MILLISECONDS;
    let depth = 0;
    compiled.assign(Symbol.for("jsonata.__evaluate_entry"), () => {
      depth += 1;
      if (depth > DEPTH || performance.now() > end) throw new Limit();
    });
    compiled.assign(Symbol.for("jsonata.__evaluate_exit"), () => {
      depth -= 1;
      if (performance.now() > end) throw new Limit();
    });
    const input = data.get(on);
    const result = await compiled.evaluate(input === undefined ? undefined : structuredClone(input), bindings);
    return result === undefined ? { undefined: true } : { value: plain(result) };
  } catch (error) {
    if (error === isFunction) return { function: true };
    if (error instanceof Limit) return { limit: true };
    if (error instanceof RangeError && /call stack|length/.test(error.message)) return { limit: true };
    if (typeof error?.code === "string" && /^[A-Z]\d{4}$/.test(error.code)) return { code: error.code };
    return { crash: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.name === undefined) {
    process.stdout.write(JSON.stringify(await answer(request)) + "\n");
  } else {
    data.set(request.name, request.data);
  }
}
