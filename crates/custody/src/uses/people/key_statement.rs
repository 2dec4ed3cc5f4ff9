//! Key statement.

use acts::{Act, Deployment};
use alloy_primitives::Bytes;
use api::people::{KeyAnchor, KeySubmission, PersonView};
use record::KeyStatement;

use crate::model::error::{Error, Result};
use crate::model::keys::KeyRing;

/// The longest name of a person or institution, bytes.
pub(crate) const NAME_BYTES: usize = 200;

/// State to which key to seal: the client's side. `anchor` is the version to publish and the
/// deadline, for those whom the contract admits.
///
/// # Errors
/// If the statement cannot be made.
pub fn state_key(
    keys: &KeyRing,
    at: &Deployment,
    name: &str,
    now: u64,
    anchor: Option<(u64, u64)>,
) -> Result<KeySubmission> {
    let public = Bytes::copy_from_slice(&keys.sealing_public().to_bytes());
    let statement = KeyStatement::new(keys.address(), public, now)?;
    let signature = keys.wallet().sign(statement.digest(&at.registry()));
    let statement = statement.signed(Bytes::copy_from_slice(&signature));
    let salt = crate::ports::random::random();
    let digest = statement.salted_digest(&salt);
    let anchor = anchor.map(|(version, deadline)| {
        let act = Act::PublishKey {
            wallet: keys.address(),
            digest,
            version,
            deadline,
        };
        KeyAnchor {
            version,
            deadline,
            signature: act.sign(at, keys.wallet()),
        }
    });
    let person = PersonView {
        wallet: keys.address(),
        name: name.to_owned(),
        statement: statement.encode().into(),
        salt,
    };
    Ok(KeySubmission { person, anchor })
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_BYTES {
        return Err(Error::invalid(
            "name",
            format!("at most {NAME_BYTES} bytes"),
        ));
    }
    Ok(())
}
