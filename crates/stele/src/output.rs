//! How commands answer: results as text or JSON, failures with their exit status.

#[cfg(feature = "forecast")]
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Why a command failed, and the exit status that tells a script which kind it was.
///
/// 1: the work failed (a check did not hold, a peer refused); 2: the call was wrong (arguments,
/// unreadable input); clap uses 2 for its own errors too. A result that is no failure, but has a
/// status of its own, has no message.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The work itself failed.
    pub(crate) fn work(message: impl std::fmt::Display) -> Self {
        Self {
            code: 1,
            message: message.to_string(),
            hint: None,
        }
    }

    /// The command was called wrongly or its input cannot be used.
    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self {
            code: 2,
            message: message.to_string(),
            hint: None,
        }
    }

    /// The work is done and its result printed; the exit status alone tells which result it was.
    #[cfg(feature = "hospital")]
    pub(crate) fn outcome(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
            hint: None,
        }
    }

    /// What the user should do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Print to standard error and give the exit status.
    pub(crate) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("error: {}", self.message);
        }
        if let Some(hint) = self.hint {
            eprintln!("  try: {hint}");
        }
        ExitCode::from(self.code)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// Print a result: as JSON for programs, as text for people.
pub(crate) fn print<T: serde::Serialize>(
    json: bool,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let out = if json {
        serde_json::to_string_pretty(value).map_err(|error| {
            Failure::work(format!("the result cannot be written as JSON: {error}"))
        })?
    } else {
        text(value)
    };
    println!("{}", out.trim_end());
    Ok(())
}

/// A time for people, UTC.
#[cfg(feature = "hospital")]
pub(crate) fn date(unix: u64) -> String {
    let stamp = i64::try_from(unix)
        .ok()
        .and_then(|s| jiff::Timestamp::from_second(s).ok());
    stamp.map_or_else(
        || unix.to_string(),
        |stamp| stamp.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// Whether a person watches: progress goes to standard error only then.
#[cfg(feature = "forecast")]
pub(crate) fn watched() -> bool {
    std::io::stderr().is_terminal()
}
