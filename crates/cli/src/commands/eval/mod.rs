//! `stepwell eval EXPR`: an expression without a state machine around it.

mod context;
mod expression;
mod path;
mod plain;
mod state;
mod surroundings;

use std::io::IsTerminal;

use clap::{ArgGroup, Args};
use stepwell_json::{Object, Value};

use self::expression::Source;
use crate::failure::Failure;
use crate::input;
use crate::output::{self, FAINT, Format, styled};
use crate::report::{self, Finding};

/// Evaluations nest as deep as their limits allow, each level on the stack.
const STACK_BYTES: usize = 64 << 20;

/// Arguments of `eval`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("mode"), after_help = "\
Examples:
  stepwell eval 'Account.Order.Product.Price ~> $sum()' --input @order.json
  stepwell eval 'items[price > $limit]' --input @order.json --variables '{\"limit\": 5}'
  stepwell eval --as-state '{% $states.input.items.price %}' --input @order.json
  stepwell eval --path '$.items[?(@.price > 5)].name' --input @order.json
  curl -s https://example.com/orders | stepwell eval @totals.jsonata --input -

The result goes to standard output as JSON: indented on a terminal, else on one line. An undefined result prints \
nothing there, and `undefined` on standard error; the exit code is 0, as when jq finds nothing. With --as-state, as in \
a state, undefined is an error.

Errors go to standard error; with --output json to standard output, as \
{\"result\": \"FAIL\", \"diagnostics\": [{\"code\", \"message\", \"line\", \"column\", ...}]}.

Exit codes: 0 done; 1 the evaluation failed; 2 wrong usage or invalid expression.")]
pub(crate) struct EvalArguments {
    /// The expression: JSONata, or a JSONPath with --path; @FILE reads a file, - standard input
    #[arg(value_name = "EXPR", allow_negative_numbers = true)]
    expression: String,
    /// The input as JSON, @FILE, or - for standard input [default: none; {} with --as-state and --path]
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Variables, as an object: its member x is $x
    #[arg(long, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    variables: String,
    /// Evaluate as a state evaluates its Output
    ///
    /// The input is $states.input, and the functions, limits and error texts are those of Step Functions. EXPR may
    /// stand between {% and %}.
    #[arg(long, group = "mode")]
    as_state: bool,
    /// Evaluate a JSONPath: $ is the input, $$ the context object, $x a variable
    #[arg(long, group = "mode")]
    path: bool,
    /// The context object, with --as-state or --path [default: one like that of TestState]
    #[arg(long, value_name = "JSON", requires = "mode")]
    context: Option<String>,
    /// What $states.result is, with --as-state
    #[arg(long, value_name = "JSON", requires = "as_state", conflicts_with = "error_output")]
    result: Option<String>,
    /// What $states.errorOutput is, with --as-state
    #[arg(long, value_name = "JSON", requires = "as_state")]
    error_output: Option<String>,
}

/// What an expression is evaluated with.
#[derive(Debug)]
struct Given {
    input: Option<Value>,
    variables: Object,
    context: Option<Value>,
    result: Option<Value>,
    error_output: Option<Value>,
}

/// What becomes of an expression.
#[derive(Debug)]
enum Outcome {
    /// A result.
    Value(Value),
    /// Undefined, and why that may be.
    Nothing(Option<String>),
    /// The evaluation failed.
    Failed(Finding),
    /// It can't be evaluated at all.
    Invalid(Vec<Finding>),
}

/// Evaluates the expression and prints what becomes of it.
pub(crate) fn run(arguments: &EvalArguments, format: Format) -> Result<(), Failure> {
    let (source, given) = read(arguments)?;
    let evaluate = || {
        if arguments.path {
            path::evaluate(&source, &given)
        } else if arguments.as_state {
            state::evaluate(&source, &given)
        } else {
            plain::evaluate(&source, &given)
        }
    };
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, evaluate);
        thread.map_err(Failure::internal)?.join().map_err(|_| Failure::internal("the evaluation panicked"))
    })?;
    match outcome {
        Outcome::Value(value) => {
            if format == Format::Text && std::io::stdout().is_terminal() {
                output::line(value.to_pretty_text());
            } else {
                output::line(value);
            }
            Ok(())
        }
        Outcome::Nothing(why) => {
            output::note("undefined");
            if let Some(why) = why {
                output::note(format_args!("{} {why}", styled(FAINT, "       =")));
            }
            Ok(())
        }
        Outcome::Failed(finding) => {
            print(&source, &[finding], format);
            Err(Failure::Unsuccessful)
        }
        Outcome::Invalid(findings) => {
            print(&source, &findings, format);
            Err(Failure::InvalidDefinition)
        }
    }
}

fn print(source: &Source, findings: &[Finding], format: Format) {
    let path = source.path.as_deref();
    match format {
        Format::Json => output::json(&report::json(path, &source.text, findings)),
        Format::Text => output::note(report::text(path, &source.text, findings).trim_end()),
    }
}

/// Reads what the arguments stand for.
fn read(arguments: &EvalArguments) -> Result<(Source, Given), Failure> {
    let EvalArguments { expression, input, variables, context, result, error_output, .. } = arguments;
    let all = [Some(expression), input.as_ref(), Some(variables), context.as_ref(), result.as_ref()];
    let all = all.into_iter().chain([error_output.as_ref()]).flatten();
    if all.filter(|argument| *argument == "-").count() > 1 {
        return Err(Failure::usage("only one argument can be read from standard input"));
    }
    let source = Source::read(expression)?;
    let value = |what: &str, argument: &Option<String>| {
        argument.as_ref().map(|argument| input::value(what, argument)).transpose()
    };
    let given = Given {
        input: value("the input", input)?,
        variables: read_variables(variables)?,
        context: value("--context", context)?,
        result: value("--result", result)?,
        error_output: value("--error-output", error_output)?,
    };
    if given.context.as_ref().is_some_and(|context| context.as_object().is_none()) {
        return Err(Failure::usage("--context is not an object"));
    }
    Ok((source, given))
}

fn read_variables(argument: &str) -> Result<Object, Failure> {
    let value = input::value("--variables", argument)?;
    let Value::Object(variables) = value else {
        return Err(Failure::usage(format_args!(
            "--variables is not an object but of type {}; write '{{\"x\": 1}}' for $x",
            value.type_name()
        )));
    };
    for name in variables.keys() {
        if let Some(bare) = name.strip_prefix('$') {
            return Err(Failure::usage(format_args!(
                "--variables: write \"{bare}\" for ${bare}, without the $"
            )));
        }
        if &**name == "states" {
            return Err(Failure::usage(
                "--variables: $states can't be set; with --as-state it is made of --input, --context, --result and \
                 --error-output",
            ));
        }
    }
    Ok(variables)
}
