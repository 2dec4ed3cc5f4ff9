//! Errors as OperationOutcome.

use serde_json::{Value, json};

use super::elements::{clean, narrative};
use crate::error::Error;

/// Codes of FHIR's value set IssueType that Stele uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueCode {
    /// Content is invalid against the specification.
    Invalid,
    /// A structural issue, such as wrong encoding.
    Structure,
    /// An element's value is wrong.
    Value,
    /// A required element is missing.
    Required,
    /// Nobody is signed in.
    Login,
    /// The session has ended.
    Expired,
    /// The caller may not do that.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It was erased.
    Deleted,
    /// It contradicts the present state.
    Conflict,
    /// It exists already.
    Duplicate,
    /// It is over a limit.
    TooLong,
    /// Too many requests.
    Throttled,
    /// A rule of the business forbids it.
    BusinessRule,
    /// Try again later.
    Transient,
    /// It took too long.
    Timeout,
    /// An unexpected error.
    Exception,
}

impl IssueCode {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Structure => "structure",
            Self::Value => "value",
            Self::Required => "required",
            Self::Login => "login",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::Conflict => "conflict",
            Self::Duplicate => "duplicate",
            Self::TooLong => "too-long",
            Self::Throttled => "throttled",
            Self::BusinessRule => "business-rule",
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Exception => "exception",
        }
    }
}

impl From<&Error> for IssueCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::TooLarge { .. } => Self::TooLong,
            Error::EmptyFile
            | Error::NotDicom
            | Error::TruncatedImage { .. }
            | Error::BadImage { .. } => Self::Structure,
            Error::BadFhir { .. } => Self::Value,
        }
    }
}

/// One error as a FHIR R4 OperationOutcome. `diagnostics` says what happened and what to do next
/// and must hold no personal data; `expression` is a FHIRPath to the element at fault, if known.
pub fn operation_outcome(code: IssueCode, diagnostics: &str, expression: Option<&str>) -> Value {
    let mut issue = json!({
        "severity": "error",
        "code": code.code(),
        "diagnostics": clean(diagnostics),
    });
    if let Some(expression) = expression {
        issue["expression"] = json!([expression]);
    }
    json!({
        "resourceType": "OperationOutcome",
        "text": narrative(&[diagnostics]),
        "issue": [issue],
    })
}

impl Error {
    /// This error as a FHIR R4 OperationOutcome.
    pub fn operation_outcome(&self) -> Value {
        let expression = match self {
            Self::BadFhir { path, .. } => Some(path.as_str()),
            _ => None,
        };
        operation_outcome(IssueCode::from(self), &self.to_string(), expression)
    }
}
