//! Staff roles by number and by name.

use core::fmt;
use core::str::FromStr;

use crate::error::{Error, Result};
use crate::generated::Role;

impl Role {
    /// The Registry's number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The role of that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|role| role.name() == name);
        known.ok_or(Error::UnknownRole)
    }
}
