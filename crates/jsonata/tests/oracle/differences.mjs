// Where our evaluator is meant to differ from jsonata-js 2.0.6: what it would have to be like there.

export const differences = [
  {
    reason: "elements of arrays are evaluated one after the other: which of two errors comes is not left to chance",
    from: `let generators = await Promise.all(expr.expressions
                    .map(async (item, idx) => {
                        environment.isParallelCall = idx > 0
                        return [item, await evaluate(item, input, environment)]
                    }));`,
    to: `let generators = [];
                for (const item of expr.expressions) generators.push([item, await evaluate(item, input, environment)]);`,
  },
  {
    reason: "what a predicate picks of a constructed array is one value for the next step, not something with a length",
    from: "resultSequence = await evaluate(step, inputSequence, environment);",
    to: `resultSequence = await evaluate(step, inputSequence, environment);
                if (resultSequence !== undefined && !Array.isArray(resultSequence)) {
                    resultSequence = createSequence(resultSequence);
                }`,
  },
  {
    reason: "so are the members of objects",
    from: "let generators = await Promise.all(Object.keys(groups).map(async (key, idx) => {",
    to: `const inOrder = async (keys, work) => {
            const results = [];
            for (const key of keys) results.push(await work(key));
            return results;
        };
        let generators = await inOrder(Object.keys(groups), (async (key, idx) => {`,
  },
  {
    reason: "a grouping does not add an undefined element to the empty array that it looks at",
    from: "input.push(undefined);",
    to: "input = reduce ? [{}] : createSequence(undefined); input.tupleStream = reduce;",
  },
  {
    reason: "the variables of a path are there behind its order-by clause, too",
    from: "result = await evaluateSortExpression(expr, tupleBindings, environment);",
    to: "result = await evaluateSortExpression(expr, tupleBindings, environment); result.tupleStream = true;",
  },
  {
    reason: "a partially applied built-in function checks its arguments, and may have parameters with defaults",
    from: "result = partialApplyNativeFunction(proc.implementation, evaluatedArgs);",
    to: `const open = evaluatedArgs.filter((arg) => arg && arg.type === 'operator' && arg.value === '?').length;
            const implementation = async function (...given) {
                const all = evaluatedArgs.map((arg) => arg && arg.type === 'operator' && arg.value === '?' ? given.shift() : arg);
                return await apply(proc, all, undefined, environment);
            };
            Object.defineProperty(implementation, 'length', { value: open });
            result = defineFunction(implementation);`,
  },
  {
    reason: "$base64encode takes the UTF-8 of a text, not the low byte of each code unit",
    from: "return new global.Buffer.from(str, 'binary').toString('base64');",
    to: "return Buffer.from(str, 'utf8').toString('base64');",
  },
  {
    reason: "$base64decode gives the text whose UTF-8 it is, if it is that of one",
    from: "return new global.Buffer.from(str, 'base64').toString('binary');",
    to: `const bytes = Buffer.from(str, 'base64');
                try {
                    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
                } catch {
                    return bytes.toString('binary');
                }`,
  },
  {
    reason: "a wildcard gives the elements of a sequence, not the mark that it is one",
    from: "sequence.sequence = true;",
    to: "Object.defineProperty(sequence, 'sequence', { value: true, writable: true });",
  },
  {
    reason: "a function has neither members nor descendants",
    from: "if (input !== null && typeof input === 'object') {",
    to: "if (input !== null && typeof input === 'object' && !isFunction(input)) {",
  },
];
