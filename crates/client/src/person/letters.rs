//! Letters.

use acts::Deployment;
use alloy_primitives::{Address, B256};
use api::letters::{LetterKind, LetterView, NewLetter};
use custody::model::error::Result;
use custody::model::keys::KeyRing;
use custody::model::secrets::{Bound, open_letter, seal_letter};
use custody::ports::random::{random, rng};
use seal::SealingPublic;
use zeroize::Zeroizing;

/// Seal a letter: the writer's side.
///
/// # Errors
/// If the reader's key is unusable or the letter is too long.
pub fn write(
    keys: &KeyRing,
    at: &Deployment,
    to: (Address, &SealingPublic),
    kind: LetterKind,
    thread: Option<B256>,
    text: &[u8],
    grants: Vec<B256>,
) -> Result<NewLetter> {
    let (id, thread) = (random(), thread.unwrap_or_else(random));
    let seal = |wallet: Address, public: &SealingPublic| {
        let bound = Bound::to_reader(at, thread, id, wallet);
        seal_letter(public, &bound, text, &mut rng())
    };
    Ok(NewLetter {
        id,
        thread,
        to: to.0,
        kind,
        sealed: seal(to.0, to.1)?,
        sealed_own: seal(keys.address(), &keys.sealing_public())?,
        grants,
    })
}

/// Open a letter from the caller's own mailbox.
///
/// # Errors
/// If it was sealed to another key, or for another place.
pub fn read(keys: &KeyRing, at: &Deployment, letter: &LetterView) -> Result<Zeroizing<Vec<u8>>> {
    let bound = Bound::to_reader(at, letter.thread, letter.id, keys.address());
    open_letter(keys.sealing(), &bound, &letter.sealed)
}
