//! The text that a wallet signs to sign in (EIP-4361).

use std::str::{FromStr, Lines};

use alloy_primitives::Address;
use jiff::Timestamp;

/// What follows the domain in the first line.
const WANTS: &str = " wants you to sign in with your Ethereum account:";

/// What such a text says. The statement, the request id and the resources are for people: they are
/// read over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignInMessage {
    /// Who asks, as RFC 3986 writes an authority.
    pub(crate) domain: String,
    /// The account that signs.
    pub(crate) address: Address,
    /// What the account signs in to.
    pub(crate) uri: String,
    /// The chain of the account.
    pub(crate) chain_id: u64,
    /// The challenge.
    pub(crate) nonce: String,
    /// When it was made.
    pub(crate) issued_at: Timestamp,
    /// When it ends.
    pub(crate) expires_at: Option<Timestamp>,
    /// When it begins.
    pub(crate) not_before: Option<Timestamp>,
}

impl SignInMessage {
    /// Whether it has begun and has not ended.
    pub(crate) fn valid_at(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|from| from <= now)
            && self.expires_at.is_none_or(|until| now < until)
    }
}

/// The text is none of these; where it first goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl FromStr for SignInMessage {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut lines = text.lines();
        let domain = lines.next().and_then(|line| line.strip_suffix(WANTS));
        let domain = domain.filter(|domain| !domain.is_empty());
        let domain = domain.ok_or(Malformed("domain"))?.to_owned();
        let address = lines
            .next()
            .and_then(|line| Address::parse_checksummed(line, None).ok())
            .ok_or(Malformed("address"))?;
        statement(&mut lines)?;
        let uri = required(&mut lines, "URI")?.to_owned();
        if required(&mut lines, "Version")? != "1" {
            return Err(Malformed("Version"));
        }
        let chain_id = required(&mut lines, "Chain ID")?;
        let chain_id = chain_id.parse().map_err(|_| Malformed("Chain ID"))?;
        let nonce = required(&mut lines, "Nonce")?;
        if nonce.len() < 8 || !nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Malformed("Nonce"));
        }
        let issued_at = time("Issued At", required(&mut lines, "Issued At")?)?;
        let mut rest = Rest(lines.next(), lines);
        let expires_at = rest.optional("Expiration Time");
        let expires_at = expires_at.map(|at| time("Expiration Time", at));
        let not_before = rest.optional("Not Before").map(|at| time("Not Before", at));
        let _ = rest.optional("Request ID");
        rest.resources()?;
        Ok(Self {
            domain,
            address,
            uri,
            chain_id,
            nonce: nonce.to_owned(),
            issued_at,
            expires_at: expires_at.transpose()?,
            not_before: not_before.transpose()?,
        })
    }
}

/// An empty line, and a line for people with another empty line where there is one.
fn statement(lines: &mut Lines<'_>) -> Result<(), Malformed> {
    let malformed = Malformed("statement");
    if lines.next() != Some("") {
        return Err(malformed);
    }
    match lines.next() {
        Some("") => Ok(()),
        Some(_) if lines.next() == Some("") => Ok(()),
        _ => Err(malformed),
    }
}

/// The value of `name: value`.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix(name)?.strip_prefix(": ")
}

fn required<'a>(lines: &mut Lines<'a>, name: &'static str) -> Result<&'a str, Malformed> {
    let line = lines.next().and_then(|line| value(line, name));
    line.ok_or(Malformed(name))
}

/// A time as RFC 3339 writes it.
fn time(name: &'static str, text: &str) -> Result<Timestamp, Malformed> {
    text.parse().map_err(|_| Malformed(name))
}

/// The lines that may be missing: the next one, and those behind it.
struct Rest<'a>(Option<&'a str>, Lines<'a>);

impl<'a> Rest<'a> {
    fn optional(&mut self, name: &str) -> Option<&'a str> {
        let found = self.0.and_then(|line| value(line, name))?;
        self.0 = self.1.next();
        Some(found)
    }

    fn resources(mut self) -> Result<(), Malformed> {
        match self.0 {
            None => Ok(()),
            Some("Resources:") if self.1.all(|line| line.starts_with("- ")) => Ok(()),
            Some(_) => Err(Malformed("the lines after the times")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "clinic.example:8443 wants you to sign in with your Ethereum account:\n\
        0x5FbDB2315678afecb367f032d93F642f64180aa3\n\
        \n\
        Open my record.\n\
        \n\
        URI: https://clinic.example:8443/\n\
        Version: 1\n\
        Chain ID: 31337\n\
        Nonce: 0123456789abcdef\n\
        Issued At: 2026-03-01T10:00:00Z\n\
        Expiration Time: 2026-03-01T11:05:00.500+01:00\n\
        Not Before: 2026-03-01T09:59:00Z\n\
        Request ID: 17\n\
        Resources:\n\
        - https://clinic.example/terms\n\
        - ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn read(text: &str) -> Result<SignInMessage, Malformed> {
        text.parse()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_whole_message_is_read() {
        let message = read(WHOLE).unwrap();
        assert_eq!(message.domain, "clinic.example:8443");
        let address = "0x5fbdb2315678afecb367f032d93f642f64180aa3";
        assert_eq!(format!("{:#x}", message.address), address);
        assert_eq!(message.uri, "https://clinic.example:8443/");
        assert_eq!(
            (message.chain_id, message.nonce.as_str()),
            (31_337, "0123456789abcdef")
        );
        assert_eq!(message.issued_at, at("2026-03-01T10:00:00Z"));
        assert_eq!(message.expires_at, Some(at("2026-03-01T10:05:00.5Z")));
        assert!(!message.valid_at(at("2026-03-01T09:58:59Z")));
        assert!(message.valid_at(at("2026-03-01T09:59:00Z")));
        assert!(message.valid_at(at("2026-03-01T10:05:00Z")));
        assert!(!message.valid_at(at("2026-03-01T10:05:00.5Z")));
    }

    #[test]
    fn what_may_be_missing_may_be_missing() {
        let least = WHOLE.replace("Open my record.\n\n", "\n");
        let least = least.split("\nExpiration").next().unwrap();
        let message = read(least).unwrap();
        assert_eq!((message.expires_at, message.not_before), (None, None));
        assert!(message.valid_at(Timestamp::MAX));
    }

    #[test]
    fn what_is_no_such_message_is_refused_where_it_goes_wrong() {
        for (from, to, wrong) in [
            (" wants you", " wants You", "domain"),
            ("clinic.example:8443 wants", " wants", "domain"),
            ("0x5FbDB", "0x5fbDB", "address"),
            ("aa3\n\n", "aa3\n", "statement"),
            ("record.\n\n", "record.\nAnd more.\n\n", "statement"),
            ("URI: ", "URI:", "URI"),
            ("Version: 1", "Version: 2", "Version"),
            ("Version: 1\n", "", "Version"),
            ("31337", "-1", "Chain ID"),
            ("31337", "99999999999999999999", "Chain ID"),
            ("0123456789abcdef", "0123456", "Nonce"),
            ("0123456789abcdef", "0123-4567-89ab", "Nonce"),
            (
                "Issued At: 2026-03-01T10:00:00Z",
                "Issued At: today",
                "Issued At",
            ),
            (
                "2026-03-01T11:05:00.500+01:00",
                "2026-02-30T11:05:00Z",
                "Expiration Time",
            ),
            (
                "Not Before: 2026-03-01T09:59:00Z",
                "Not Before: 1",
                "Not Before",
            ),
            ("- https", "https", "the lines after the times"),
            (
                "Request ID: 17",
                "Expiration Time: 2026-03-01T10:00:00Z",
                "the lines after the times",
            ),
        ] {
            let text = WHOLE.replacen(from, to, 1);
            assert_ne!(text, WHOLE, "{from}");
            assert_eq!(read(&text), Err(Malformed(wrong)), "{from} to {to}");
        }
        assert_eq!(read(""), Err(Malformed("domain")));
    }
}
