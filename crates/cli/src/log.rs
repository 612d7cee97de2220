//! Log lines on standard error: a server's log, or what handlers print and jobs do beside the path of `stepwell run`.

use std::fmt;
use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::server::{LogFormat, LogLevel};
use crate::output::{FAINT, styled};

/// The target of what handlers print.
const HANDLER_TARGET: &str = "stepwell::lambda";
/// The target of what jobs on this machine do.
const JOB_TARGET: &str = "stepwell::jobs";

/// Sends the log of a server to standard error.
pub(crate) fn for_server(level: LogLevel, format: LogFormat) {
    // Libraries speak at a level of their own: what they call information is for their authors.
    let (own, libraries) = match level {
        LogLevel::Off => (LevelFilter::OFF, LevelFilter::OFF),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    let libraries = ["fjall", "lsm_tree", "hyper", "hyper_util"].map(|library| (library, libraries));
    let filter = Targets::new().with_default(own).with_targets(libraries);
    let layer = lines::layer().with_writer(std::io::stderr).with_ansi(has_colours());
    let layer = match format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    };
    // A second subscriber can only be there in tests; the first one stays.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// Sends warnings, what handlers print and what jobs do to standard error in the manner of the path view.
pub(crate) fn for_run() {
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets([HANDLER_TARGET, JOB_TARGET].map(|target| (target, LevelFilter::INFO)));
    let layer = lines::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colours())
        .event_format(RunLines)
        .with_filter(filter);
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

fn has_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One line an event: `           | function: text`, `           | text name=value` or `warning: text name=value`.
struct RunLines;

impl<S, N> FormatEvent<S, N> for RunLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        let is_handler_line = target == HANDLER_TARGET && line.is_output;
        let is_faint = is_handler_line || level == Level::INFO;
        let text = if is_handler_line {
            let name = line.function.split(":function:").nth(1).unwrap_or(&line.function);
            format!("           | {name}: {}", line.message)
        } else {
            let word = match level {
                Level::ERROR => "error: ",
                Level::INFO => "| ",
                _ => "warning: ",
            };
            // There is one execution, apart from nested ones in trouble.
            let execution = if level == Level::INFO { "" } else { &line.execution };
            format!("           {word}{}{execution}{}", line.message, line.rest)
        };
        if writer.has_ansi_escapes() && is_faint {
            writeln!(writer, "{}", styled(FAINT, text))
        } else {
            writeln!(writer, "{text}")
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Line {
    message: String,
    function: String,
    execution: String,
    /// Whether this is a line that a handler printed.
    is_output: bool,
    rest: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "function" => self.function = format!("{value:?}"),
            "execution" => self.execution = format!(" execution={value:?}"),
            "stream" => self.is_output = true,
            name => self.rest.push_str(&format!(" {name}={value:?}")),
        }
    }
}
