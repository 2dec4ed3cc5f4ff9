//! One module per command.

#[cfg(feature = "forecast")]
pub(crate) mod forecast;
#[cfg(feature = "reader")]
pub(crate) mod reader;

use std::process::ExitCode;

/// Why a command failed, and the exit status that tells a script which kind it was.
///
/// 1: the work failed (a check did not hold, a peer refused); 2: the call was wrong (arguments,
/// unreadable input); clap uses 2 for its own errors too.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// The work itself failed.
    pub(crate) fn work(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into(), hint: None }
    }

    /// The command was called wrongly or its input cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), hint: None }
    }

    /// What the user should do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Print to standard error and give the exit status.
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if let Some(hint) = self.hint {
            eprintln!("  try: {hint}");
        }
        ExitCode::from(self.code)
    }
}
