//! Reading a file of which this node lacks a part.

use bytes::Bytes;
use cid::Cid;
use futures_util::stream::{StreamExt, TryStreamExt, try_unfold};

use super::{Fault, Replicator};
use crate::file::ByteStream;
use crate::{Error, Result};

impl Replicator {
    /// Reads a file. A block that is missing or damaged here is fetched from another holder as
    /// soon as it is met, kept, and named in the log; the reader notices nothing.
    ///
    /// # Errors
    /// In the stream: [`Error::NotFound`] or [`Error::Damaged`] for a block that no holder could
    /// give, and the home engine's own.
    #[must_use]
    pub fn read(&self, root: &Cid) -> ByteStream {
        let reading = Reading {
            replicator: self.clone(),
            root: *root,
            at: 0,
            stream: self.home.vault().get_file(root),
            mended: None,
        };
        try_unfold(reading, |mut reading| async move {
            let piece = reading.next().await?;
            Ok(piece.map(|piece| (piece, reading)))
        })
        .boxed()
    }
}

struct Reading {
    replicator: Replicator,
    root: Cid,
    /// Bytes given out so far.
    at: u64,
    stream: ByteStream,
    /// The block that was fetched last: one that is lacking again at once is given up.
    mended: Option<Cid>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.stream.try_next().await {
                Ok(Some(piece)) => {
                    self.at += piece.len() as u64;
                    return Ok(Some(piece));
                }
                Ok(None) => return Ok(None),
                Err(error) => self.mend(error).await?,
            }
        }
    }

    /// Fetches the block that reading failed on, and goes on where it stopped.
    async fn mend(&mut self, error: Error) -> Result<()> {
        let (block, fault) = match &error {
            Error::NotFound(block) => (*block, Fault::Missing),
            Error::Damaged(block) => (*block, Fault::Damaged),
            _ => return Err(error),
        };
        if self.mended.replace(block) == Some(block) {
            return Err(error);
        }
        let finding = self.replicator.home_finding(&self.root, block, fault);
        let repair = self.replicator.repair_home(&finding).await?;
        tracing::warn!(%repair, "repair while reading");
        if !repair.mended {
            return Err(error);
        }
        let vault = self.replicator.home.vault();
        self.stream = vault.get_range(&self.root, self.at..u64::MAX);
        Ok(())
    }
}
