//! Link.

use alloy_primitives::B256;
use api::links::LinkView;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Held, Kind, hex_id};
use crate::model::error::{Error, Result};

/// How often a code may be entered wrongly.
pub(crate) const ATTEMPTS: u32 = 5;

/// Sessions that are remembered as confirmed.
pub(crate) const SESSIONS: usize = 20;

/// How often in its whole life a link takes a wrong code: whoever stole one, and not the mailbox,
/// guesses right with a chance of 1 in 50,000 at most.
pub(crate) const ATTEMPTS_EVER: u32 = 20;

/// A link as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub(crate) patient: B256,
    pub(crate) view: LinkView,
}

impl Document for Link {
    const KIND: Kind = Kind::Link;
    fn id(&self) -> String {
        hex_id(self.view.link)
    }
    fn owner(&self) -> String {
        hex_id(self.patient)
    }
    fn due_at(&self) -> u64 {
        // Once the link is over, the guest's address is forgotten.
        if self.view.email.is_empty() {
            0
        } else {
            self.view.expires_at + 1
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) hash: B256,
    pub(crate) expires_at: u64,
    pub(crate) left: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    pub(crate) session: B256,
    /// Until when parts are served after an open.
    pub(crate) serves_until: u64,
}

/// What a link's guest has shown. Lost with the database, no harm is done: a new code is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) link: B256,
    pub(crate) code: Option<Code>,
    /// Wrong codes so far, with whichever code.
    #[serde(default)]
    pub(crate) wrong: u32,
    pub(crate) sent: Vec<u64>,
    pub(crate) confirmed: Vec<Confirmed>,
}

impl Document for Pass {
    const KIND: Kind = Kind::Pass;
    fn id(&self) -> String {
        hex_id(self.link)
    }
}

impl Pass {
    pub(crate) fn of(&self, session: Option<B256>) -> Option<&Confirmed> {
        let session = session?;
        self.confirmed.iter().find(|c| c.session == session)
    }

    /// Judge a code by its hash: `Ok(())` if it is right, which spends it.
    pub(crate) fn judge(&mut self, hash: B256, session: B256, now: u64) -> Result<()> {
        let Some(expected) = self.code.as_mut() else {
            return Err(Error::CodeSpent);
        };
        if expected.expires_at < now || expected.left == 0 || self.wrong >= ATTEMPTS_EVER {
            return Err(Error::CodeSpent);
        }
        if hash == expected.hash {
            self.code = None;
            self.confirm(session, 0);
            return Ok(());
        }
        expected.left -= 1;
        self.wrong += 1;
        match expected.left.min(ATTEMPTS_EVER - self.wrong) {
            0 => Err(Error::CodeSpent),
            left => Err(Error::CodeWrong { left }),
        }
    }

    /// Keep a session as confirmed, the newest last.
    pub(crate) fn confirm(&mut self, session: B256, serves_until: u64) {
        self.confirmed.retain(|c| c.session != session);
        self.confirmed.push(Confirmed {
            session,
            serves_until,
        });
        let over = self.confirmed.len().saturating_sub(SESSIONS);
        self.confirmed.drain(..over);
    }
}

/// What an open by a link changes when it is served.
pub(crate) struct View {
    pub(crate) link: Held<Link>,
    pub(crate) pass: Held<Pass>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: B256 = B256::repeat_byte(1);
    const WRONG: B256 = B256::repeat_byte(2);
    const SESSION: B256 = B256::repeat_byte(3);

    fn sent(pass: &mut Pass) {
        pass.code = Some(Code {
            hash: RIGHT,
            expires_at: 100,
            left: ATTEMPTS,
        });
    }

    #[test]
    fn a_code_serves_once_and_not_late() {
        let mut pass = Pass::default();
        sent(&mut pass);
        assert!(matches!(
            pass.judge(RIGHT, SESSION, 101),
            Err(Error::CodeSpent)
        ));
        pass.judge(RIGHT, SESSION, 100).unwrap();
        assert!(pass.of(Some(SESSION)).is_some());
        assert!(matches!(
            pass.judge(RIGHT, SESSION, 100),
            Err(Error::CodeSpent)
        ));
    }

    #[test]
    fn new_codes_give_no_new_guesses_for_ever() {
        let mut pass = Pass::default();
        let mut guesses = 0;
        for _ in 0..100 {
            sent(&mut pass);
            while let Err(Error::CodeWrong { .. }) = pass.judge(WRONG, SESSION, 50) {
                guesses += 1;
            }
        }
        assert_eq!(pass.wrong, ATTEMPTS_EVER);
        assert!(guesses < ATTEMPTS_EVER);
        sent(&mut pass);
        assert!(matches!(
            pass.judge(RIGHT, SESSION, 50),
            Err(Error::CodeSpent)
        ));
        assert!(pass.of(Some(SESSION)).is_none());
    }
}
