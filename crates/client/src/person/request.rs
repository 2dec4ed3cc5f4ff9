//! Asking for access: the requester's side.

use acts::{Act, Deployment};
use alloy_primitives::Address;
use api::consent::RequestMessage;
use custody::Result;
use custody::model::keys::KeyRing;
use custody::ports::random::random;
use record::RequestDocument;
use record::grant::NewRequest;

/// Make and sign a request to a patient of `home`.
///
/// # Errors
/// If a field is not allowed.
pub fn ask(
    keys: &KeyRing,
    at: &Deployment,
    home: Address,
    new: NewRequest,
    deadline: u64,
) -> Result<RequestMessage> {
    let document = RequestDocument::new(new, random())?;
    let act = Act::Request {
        id: document.id(),
        requester: keys.address(),
        deadline,
    };
    let signature = act.sign(at, keys.wallet());
    Ok(RequestMessage {
        home,
        document: document.encode().into(),
        deadline,
        signature,
    })
}
