//! `stepwell eval`: expressions to results, texts and exit codes.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{command, finish, stepwell, write};

const ORDER: &str = r#"{"customer": {"name": "Ada", "phone": null}, "items": [
  {"sku": "a", "price": 1.50, "count": 2},
  {"sku": "b", "price": 20, "count": 1}
]}"#;

/// Files that the cases name.
fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("order.json", ORDER),
        ("broken.json", "{\n  \"a\": 1,\n  \"b\": tru\n}\n"),
        ("total.jsonata", "/* the total */\n$sum(items.(price * count))\n"),
        (
            "wrong.jsonata",
            "(\n  $total := $sum(items.price);\n\t\"日本\" & $total.call(1) - $absolute(2)\n)\n",
        ),
        ("marked.json", "\u{feff}[1]\r\n"),
        ("open.jsonata", "items[price > 5\n\n"),
        ("in-state.jsonata", "{% $states.input.customer.name %}\n"),
    ] {
        write(directory.path(), name, text);
    }
    std::fs::write(directory.path().join("latin1.jsonata"), b"'\xe9'").expect("a file");
    directory
}

/// Arguments, exit code, all of standard output, all of standard error.
type Case<'a> = (&'a [&'a str], i32, &'a str, &'a str);

#[track_caller]
fn check(cases: &[Case<'_>]) {
    let project = project();
    for (arguments, code, stdout, stderr) in cases {
        let arguments: Vec<&str> = ["eval"].iter().chain(*arguments).copied().collect();
        let ended = stepwell(project.path(), &arguments);
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (*code, *stdout, *stderr),
            "{arguments:?}\n--- standard output:\n{}\n--- standard error:\n{}",
            ended.stdout,
            ended.stderr
        );
    }
}

#[test]
fn results_are_json_on_one_line() {
    check(&[
        (&["1 + 2"], 0, "3\n", ""),
        (&["-1"], 0, "-1\n", ""),
        (&["--", "-1 + 3"], 0, "2\n", ""),
        (&["'é\n'"], 0, "\"é\\n\"\n", ""),
        (&["null"], 0, "null\n", ""),
        (&["{'b': [1, 2.50], 'a': {}}"], 0, "{\"b\":[1,2.5],\"a\":{}}\n", ""),
        (&["[1..3].($ * $)"], 0, "[1,4,9]\n", ""),
        (&["items.price ~> $sum()", "--input", "@order.json"], 0, "21.5\n", ""),
        (&["items[price > 5].sku", "--input", "@order.json"], 0, "\"b\"\n", ""),
        (
            &["items[price > $least].sku", "--input", "@order.json", "--variables", "{\"least\": 1}"],
            0,
            "[\"a\",\"b\"]\n",
            "",
        ),
        (&["$", "--input", "{\"b\":1, \"a\":[]}"], 0, "{\"b\":1,\"a\":[]}\n", ""),
        (&["$", "--input", "12345678901234567890123"], 0, "12345678901234567890123\n", ""),
        (&["@total.jsonata", "--input", "@order.json"], 0, "23\n", ""),
        (&["$", "--input", "@marked.json"], 0, "[1]\n", ""),
        (
            &["customer", "--input", "@order.json", "--output", "json"],
            0,
            "{\"name\":\"Ada\",\"phone\":null}\n",
            "",
        ),
        (&["$count([1..100000])"], 0, "100000\n", ""),
        (&["($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(100))"], 0, "100\n", ""),
        (&["$millis() > 1700000000000 and $now() > '2024' and $random() != $random()"], 0, "true\n", ""),
    ]);
}

#[test]
fn undefined_prints_no_result() {
    check(&[
        (&["missing", "--input", "@order.json"], 0, "", "undefined\n"),
        (&["missing", "--input", "{}", "--output", "json"], 0, "", "undefined\n"),
        (&["missing"], 0, "", "undefined\n       = there is no input; --input gives it\n"),
        (&["$least"], 0, "", "undefined\n       = there is no $least; --variables gives variables\n"),
        (
            &["$laest", "--variables", "{\"least\": 1}"],
            0,
            "",
            "undefined\n       = there is no $laest; did you mean $least?\n",
        ),
        (
            &["$states.input", "--input", "{}"],
            0,
            "",
            "undefined\n       = $states is there with --as-state\n",
        ),
    ]);
}

#[test]
fn errors_show_their_place() {
    check(&[
        (&["1 +"], 2, "", "error: S0207: Unexpected end of expression\n     1 | 1 +\n       |    ^\n"),
        (&["a[1,2)"], 2, "", "error: S0202: Expected \"]\", got \",\"\n     1 | a[1,2)\n       |    ^\n"),
        (
            &["'open"],
            2,
            "",
            "error: S0101: String literal must be terminated by a matching quote\n     1 | 'open\n       | ^^^^^\n",
        ),
        (&[""], 2, "", "error: S0207: Unexpected end of expression\n"),
        (
            &["@open.jsonata"],
            2,
            "",
            "open.jsonata:1:16: error: S0203: Expected \"]\" before end of expression\n     1 | items[price > 5\n       |                ^\n",
        ),
        (
            &["$summ([1])"],
            1,
            "",
            "error: T1006: Attempted to invoke a non-function\n     1 | $summ([1])\n       | ^^^^^\n       = there is no $summ; did you mean $sum?\n",
        ),
        (
            &["sum([1])"],
            1,
            "",
            "error: T1005: Attempted to invoke a non-function. Did you mean $sum?\n     1 | sum([1])\n       | ^^^\n",
        ),
        (
            &["[1] ~> $summ"],
            1,
            "",
            "error: T2006: The right side of the function application operator ~> must be a function\n     1 | [1] ~> $summ\n       |     ^^\n       = there is no $summ; did you mean $sum?\n",
        ),
        (
            &["$uuid()"],
            1,
            "",
            "error: T1006: Attempted to invoke a non-function\n     1 | $uuid()\n       | ^^^^^\n       = $uuid is there with --as-state\n",
        ),
        (
            &["$eval('1')"],
            1,
            "",
            "error: T1006: Attempted to invoke a non-function\n     1 | $eval('1')\n       | ^^^^^\n       = Step Functions has no $eval, and neither has Stepwell\n",
        ),
        (
            &["1 &\n\t\"日本\" & 'é' - 1"],
            1,
            "",
            "error: T2001: The left side of the \"-\" operator must evaluate to a number\n     2 |  \"日本\" & 'é' - 1\n       |               ^\n",
        ),
        (
            &["@wrong.jsonata", "--input", "@order.json"],
            1,
            "",
            "wrong.jsonata:3:16: error: T1006: Attempted to invoke a non-function\n     3 |  \"日本\" & $total.call(1) - $absolute(2)\n       |                  ^^^^\n",
        ),
        (
            &["$error('no good')"],
            1,
            "",
            "error: D3137: no good\n     1 | $error('no good')\n       | ^^^^^^\n",
        ),
        (
            &["$sum"],
            1,
            "",
            "error: the result is a function, or holds one, and JSON has no functions\n       = call the function, or leave it out of the result\n",
        ),
        (
            &["{% 1 %}"],
            2,
            "",
            "error: {% and %} stand around the expressions of state machines only\n     1 | {% 1 %}\n       | ^^\n       = leave them out, or evaluate as in a state, with --as-state\n",
        ),
        (
            &["($f := function($n) { 1 + $f($n) }; $f(1))"],
            1,
            "",
            "error: Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive\n     1 | ($f := function($n) { 1 + $f($n) }; $f(1))\n       |                           ^^\n",
        ),
    ]);
}

#[test]
fn errors_as_json_are_objects_on_standard_output() {
    let project = project();
    let answer = |line: &[&str], code: i32| {
        let arguments: Vec<&str> = ["eval", "--output", "json"].iter().chain(line).copied().collect();
        let ended = stepwell(project.path(), &arguments).expect(code);
        assert_eq!(ended.stderr, "");
        ended.json()
    };
    assert_eq!(
        answer(&["1 +\n $summ(1)"], 1),
        serde_json::json!({"result": "FAIL", "diagnostics": [{
            "severity": "ERROR", "code": "T1006", "message": "Attempted to invoke a non-function",
            "line": 2, "column": 2, "endLine": 2, "endColumn": 7,
            "help": "there is no $summ; did you mean $sum?",
        }]})
    );
    let answer = answer(&["--as-state", "$.a + phone"], 2);
    assert_eq!(answer["diagnostics"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["diagnostics"][1]["code"], "UNSUPPORTED_JSONATA_EXPRESSION");
    assert_eq!(answer["diagnostics"][1]["column"], 7);
}

#[test]
fn a_state_has_its_own_names_and_rules() {
    check(&[
        (&["--as-state", "{% $states.input.customer.name %}", "--input", "@order.json"], 0, "\"Ada\"\n", ""),
        (&["--as-state", "@in-state.jsonata", "--input", "@order.json"], 0, "\"Ada\"\n", ""),
        (&["--as-state", "$states.input"], 0, "{}\n", ""),
        (
            &[
                "--as-state",
                "$states.input.items[price > $least].sku",
                "--input",
                "@order.json",
                "--variables",
                "{\"least\": 5}",
            ],
            0,
            "\"b\"\n",
            "",
        ),
        (&["--as-state", "$states.result + 1", "--result", "2"], 0, "3\n", ""),
        (
            &["--as-state", "$states.errorOutput.Error", "--error-output", "{\"Error\": \"E\"}"],
            0,
            "\"E\"\n",
            "",
        ),
        (&["--as-state", "$states.context.State.Name"], 0, "\"StateName\"\n", ""),
        (
            &["--as-state", "$states.context.State", "--context", "{\"State\": {\"Name\": \"A\"}}"],
            0,
            "{\"Name\":\"A\"}\n",
            "",
        ),
        (
            &["--as-state", "$keys($states.context.Execution)"],
            0,
            "[\"Id\",\"Input\",\"StartTime\",\"Name\",\"RoleArn\"]\n",
            "",
        ),
        (&["--as-state", "$random(42)"], 0, "0.7275636800328681\n", ""),
        (&["--as-state", "$partition([1..4], 2)"], 0, "[[1,2],[3,4]]\n", ""),
        (&["--as-state", "$length($uuid())"], 0, "36\n", ""),
        (&["--as-state", "$count([1..873782])"], 0, "873782\n", ""),
        // refused when a state machine is created
        (
            &["--as-state", "phone"],
            2,
            "",
            "error: Reference to 'phone' at the top level is not supported. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | phone\n       | ^^^^^\n       = did you mean $states.input.phone?\n",
        ),
        (
            &["--as-state", "{% `a b` & $$.c %}"],
            2,
            "",
            "error: Reference to 'a b' at the top level is not supported. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | {% `a b` & $$.c %}\n       |    ^^^^^\n       = did you mean $states.input.`a b`?\nerror: Reference to '$$' at the top level is not supported. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | {% `a b` & $$.c %}\n       |            ^^\n       = did you mean $states.input?\n",
        ),
        (
            &["--as-state", "$states.foo"],
            2,
            "",
            "error: Field '$states.foo' does not exist. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | $states.foo\n       | ^^^^^^^\n",
        ),
        (
            &["--as-state", "$states.inputs"],
            2,
            "",
            "error: Field '$states.inputs' does not exist. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | $states.inputs\n       | ^^^^^^^\n       = did you mean $states.input?\n",
        ),
        (
            &["--as-state", "$states.result + $states.result"],
            2,
            "",
            "error: Field '$states.result' does not exist. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | $states.result + $states.result\n       | ^^^^^^^\n       = --result gives it, as a Task, Parallel or Map state has it\n",
        ),
        (
            &["--as-state", "$states.errorOutput", "--result", "1"],
            2,
            "",
            "error: Field '$states.errorOutput' does not exist. [UNSUPPORTED_JSONATA_EXPRESSION]\n     1 | $states.errorOutput\n       | ^^^^^^^\n       = --error-output gives it, as a Catcher has it\n",
        ),
        (
            &["--as-state", "{% {'a':} %}"],
            2,
            "",
            "error: The symbol \"}\" cannot be used as a unary operator [INVALID_JSONATA_EXPRESSION]\n     1 | {% {'a':} %}\n       |         ^\n",
        ),
        (
            &["--as-state", "{% 1"],
            2,
            "",
            "error: A JSONata expression must end with '%}' [INVALID_JSONATA_EXPRESSION]\n     1 | {% 1\n       |     ^\n",
        ),
        (
            &["--as-state", "1 %}"],
            2,
            "",
            "error: A JSONata expression must start with '{%' [INVALID_JSONATA_EXPRESSION]\n     1 | 1 %}\n       | ^\n",
        ),
        // found when it is evaluated
        (
            &["--as-state", "{% $doesNotExist %}"],
            1,
            "",
            "error: States.QueryEvaluationError: The JSONata expression '$doesNotExist' specified for the field 'Output' returned nothing (undefined).\n       = there is no $doesNotExist; --variables gives variables\n",
        ),
        (
            &["--as-state", "$states.input.missing"],
            1,
            "",
            "error: States.QueryEvaluationError: The JSONata expression '$states.input.missing' specified for the field 'Output' returned nothing (undefined).\n",
        ),
        (
            &["--as-state", "$sum"],
            1,
            "",
            "error: States.QueryEvaluationError: The JSONata expression '$sum' specified for the field 'Output' returned an unsupported result type.\n       = the result is a function, or holds one\n",
        ),
        (
            &["--as-state", "{% $abs(\"x\") %}"],
            1,
            "",
            "error: States.QueryEvaluationError: The JSONata expression '$abs(\"x\")' specified for the field 'Output' threw an error during evaluation. T0410: Argument 1 of function \"abs\" does not match function signature\n     1 | {% $abs(\"x\") %}\n       |    ^^^^\n",
        ),
        (
            &["--as-state", "$count([1..900000])"],
            1,
            "",
            "error: States.QueryEvaluationError: The JSONata expression '$count([1..900000])' specified for the field 'Output' threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage\n     1 | $count([1..900000])\n       |          ^^\n",
        ),
        (&["--as-state", "$pad('', 262142, 'x') ~> $length()"], 0, "262142\n", ""),
        (
            &["--as-state", "$pad('', 262143, 'x')"],
            1,
            "",
            "error: States.DataLimitExceeded: The state/task 'StateName' returned a result with a size exceeding the maximum number of bytes service limit.\n       = the result has 262145 bytes, and a state may put out 262144\n",
        ),
    ]);
}

#[test]
fn a_result_as_large_as_a_payload_may_be_is_printed() {
    let project = project();
    let ended = stepwell(project.path(), &["eval", "--as-state", "$pad('', 262142, 'x')"]).expect(0);
    assert_eq!(ended.stdout.len(), 262_145);
}

#[test]
fn paths_are_followed() {
    check(&[
        (&["--path", "$.items[1].sku", "--input", "@order.json"], 0, "\"b\"\n", ""),
        (&["--path", "$.items[?(@.price > 5)].sku", "--input", "@order.json"], 0, "[\"b\"]\n", ""),
        (&["--path", "$.items[0].price", "--input", "@order.json"], 0, "1.5\n", ""),
        (&["--path", "$"], 0, "{}\n", ""),
        (&["--path", "$$.Execution.Input.a", "--input", "{\"a\": 1}"], 0, "1\n", ""),
        (&["--path", "$$.State.Name", "--context", "{\"State\": {\"Name\": \"A\"}}"], 0, "\"A\"\n", ""),
        (&["--path", "$x.y[0]", "--variables", "{\"x\": {\"y\": [7]}}"], 0, "7\n", ""),
        (
            &["--path", "$y", "--variables", "{\"x\": 1}"],
            1,
            "",
            "error: there is no variable $y\n     1 | $y\n       | ^^\n       = did you mean $x?\n",
        ),
        (&["--path", "$.a.b"], 1, "", "error: Invalid path '$.a.b' : Missing property in path $['a']\n"),
        (
            &["--path", "$.a["],
            2,
            "",
            "error: Could not parse token starting at position 3. Expected ?, ', 0-9, *\n     1 | $.a[\n       |    ^\n",
        ),
        (&["--path", "items"], 2, "", "error: Path must start with '$'\n     1 | items\n       | ^^^^^\n"),
        (
            &["--path", "States.UUID()"],
            2,
            "",
            "error: Path must start with '$'\n     1 | States.UUID()\n       | ^^^^^^\n       = intrinsic functions are not evaluated here\n",
        ),
    ]);
}

#[test]
fn wrong_arguments_are_explained() {
    let project = project();
    let missing = "the following required arguments were not provided";
    // Arguments, a part of standard error.
    let cases: &[(&[&str], &str)] = &[
        (&[], missing),
        (&["x", "--inptu", "1"], "tip: a similar argument exists: '--input'"),
        (&["x", "--asstate"], "tip: a similar argument exists: '--as-state'"),
        (&["-1 + 2"], "tip: to pass '-1' as a value, use '-- -1'"),
        (&["x", "--path", "--as-state"], "cannot be used with"),
        (&["x", "--context", "{}"], "<--as-state|--path>"),
        (&["x", "--result", "1"], missing),
        (&["x", "--as-state", "--result", "1", "--error-output", "{}"], "cannot be used with"),
        (&["x", "--as-state", "--context", "[]"], "error: --context is not an object\n"),
        (
            &["x", "--variables", "[]"],
            "error: --variables is not an object but of type array; write '{\"x\": 1}' for $x\n",
        ),
        (&["x", "--variables", "{\"$a\": 1}"], "error: --variables: write \"a\" for $a, without the $\n"),
        (&["x", "--variables", "{\"states\": 1}"], "error: --variables: $states can't be set"),
        (
            &["x", "--variables", "{\"a\" 1}"],
            "error: --variables is not JSON: Unexpected character ('1' (code 49))",
        ),
        (&["-", "--input", "-"], "error: only one argument can be read from standard input\n"),
        (&["@none.jsonata"], "error: can't read none.jsonata: no such file or directory\n"),
        (
            &["@latin1.jsonata"],
            "error: can't read latin1.jsonata: it is not UTF-8 text: byte 1 can't be read\n",
        ),
        (&["x", "--input", "@none.json"], "error: can't read none.json: no such file or directory\n"),
        (
            &["x", "--input", "order.json"],
            "; write @FILE to read a file, - to read standard input\n     1 | order.json\n",
        ),
        (
            &["x", "--input", "@broken.json"],
            "(line 3, column 10)\n     3 |   \"b\": tru\n       |          ^\n",
        ),
        (
            &["x", "--input", "@broken.json"],
            "error: the input in broken.json is not JSON: Unrecognized token 'tru'",
        ),
        (&["x", "--input", ""], "error: the input is not JSON: it is empty"),
    ];
    for (arguments, stderr) in cases {
        let arguments: Vec<&str> = ["eval"].iter().chain(*arguments).copied().collect();
        let ended = stepwell(project.path(), &arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}\n{}", ended.stderr);
        assert!(ended.stderr.contains(stderr), "{arguments:?}\n{stderr}\nnot in\n{}", ended.stderr);
    }
}

#[test]
fn standard_input_is_an_input_or_an_expression() {
    let project = project();
    let eval = |arguments: &[&str], text: &str| {
        write(project.path(), "stdin", text);
        let file = std::fs::File::open(project.path().join("stdin")).expect("it was written");
        finish(command(project.path()).arg("eval").args(arguments).stdin(file))
    };
    assert_eq!(eval(&["$sum($)", "--input", "-"], "[1, 2]").expect(0).stdout, "3\n");
    assert_eq!(eval(&["-", "--input", "[1, 2]"], "$sum($)\n").expect(0).stdout, "3\n");
    assert_eq!(eval(&["-"], "1 +\n  ]\n").expect(2).stderr.lines().nth(1), Some("     2 |   ]"));
    assert!(eval(&["$", "--input", "-"], "[1,").expect(2).stderr.contains("the input is not JSON"));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let project = project();
    let mut child = command(project.path())
        .args(["eval", "[1..1000000]"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(ended.status.code(), Some(0));
}

/// An endless evaluation ends by Ctrl-C, as nothing waits for it.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_an_evaluation() {
    use std::os::unix::process::ExitStatusExt;
    let project = project();
    // A process that was started in the background may ignore the signal, and so would those that it starts.
    let wrapper = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])";
    let mut child = std::process::Command::new("python3")
        .current_dir(project.path())
        .args(["-c", wrapper, env!("CARGO_BIN_EXE_stepwell")])
        .args(["eval", "--input", "-", "($f := function($n) { $f($n + $) }; $f(1))"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // More than a pipe holds: once it is written, the program is reading it.
    let input = format!("{}1", " ".repeat(1 << 20));
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    assert_eq!(child.wait().expect("it ends").signal(), Some(2));
}
