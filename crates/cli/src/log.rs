//! Log lines on standard error: a server's log, or what handlers print beside the path of `stepwell run`.

use std::fmt;
use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::server::{LogFormat, LogLevel};
use crate::output::{FAINT, styled};

/// The target of what handlers print.
const HANDLER_TARGET: &str = "stepwell::lambda";

/// Sends the log of a server to standard error.
pub(crate) fn for_server(level: LogLevel, format: LogFormat) {
    let filter = match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info,fjall=warn,lsm_tree=warn",
        LogLevel::Debug => "debug,fjall=info,lsm_tree=info,hyper=info,hyper_util=info",
        LogLevel::Trace => "trace",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(has_colours());
    // A second subscriber can only be there in tests; the first one stays.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Sends warnings, and what handlers print, to standard error in the manner of the path view.
pub(crate) fn for_run() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("warn,{HANDLER_TARGET}=info")))
        .with_writer(std::io::stderr)
        .with_ansi(has_colours())
        .event_format(RunLines)
        .try_init();
}

fn has_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One line an event: `           | function: text`, or `warning: text name=value`.
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
        let is_handler_line = event.metadata().target() == HANDLER_TARGET && line.is_output;
        let text = if is_handler_line {
            let name = line.function.split(":function:").nth(1).unwrap_or(&line.function);
            format!("           | {name}: {}", line.message)
        } else {
            let word = if *event.metadata().level() == Level::ERROR { "error" } else { "warning" };
            format!("           {word}: {}{}", line.message, line.rest)
        };
        if writer.has_ansi_escapes() && is_handler_line {
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
    /// Whether this is a line that a handler printed.
    is_output: bool,
    rest: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "function" => self.function = format!("{value:?}"),
            "stream" => self.is_output = true,
            name => self.rest.push_str(&format!(" {name}={value:?}")),
        }
    }
}
