//! Pages of the journal at other institutions, so that a node that lost its database and its blocks
//! can be rebuilt.
//!
//! ```text
//! page written ──► lacking ──given to enough others, in order──► kept there
//!                     snapshot: the pages before it ──► gone ──others told, once the new ones are kept──► deleted there
//!
//! (the other node) taken from a known institution ──sealed again under the own key──► spare
//!                  spare ──asked for by the same institution──► served     ──told──► deleted
//! ```
//!
//! A page is sealed under a key of the institution that wrote it; whoever keeps it reads nothing. The
//! keeper seals it once more, so that nobody who learns its CID can fetch it as a block: it goes back
//! to whom it belongs, by a signed request, and to nobody else. What keepers note of it is not in
//! their own journals: two institutions that keep each other's pages would never come to rest.
//!
//! Pages reach the others within moments of being written, not before what they tell of is
//! acknowledged: what the last of these moments wrote can be lost with all of a node's disks.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use api::peers::{ForgetPages, SpareView};
use bytes::Bytes;
use cid::Cid;
use seal::PartKey;
use seal::file::HEADER_LEN;

use crate::model::cid::parse_cid;
use crate::model::document::{Batch, Document, Held, Kind, Query};
use crate::model::error::{Error, Result, StoreError};
use crate::model::journal_copy::{Spare, Wrapped};
use crate::model::journal_page::{Gone, Place};
use crate::ports::random::rng;
use crate::ports::store::{Documents, Store as _};
use crate::uses::blobs;
use crate::uses::hospital::Hospital;

/// The largest page that is kept for another institution, bytes.
pub const PAGE_BYTES: u64 = 64 << 20;

/// Most pages that are kept for one institution.
pub(crate) const PAGES: u64 = 50_000;

/// Most pages that one request takes back.
pub(crate) const AT_ONCE: usize = 1000;

pub(crate) fn unreadable(reason: impl ToString) -> Error {
    let kind = Kind::Spare.name();
    let reason = reason.to_string();
    StoreError::Corrupt { kind, reason }.into()
}

impl Hospital {
    fn spare_key(&self) -> PartKey {
        PartKey::from_bytes(&seal::derive::subkey(self.keys.root(), "spare pages"))
    }

    // ---- pages of others ----

    /// Keep a page for another institution. Kept again it is the same.
    ///
    /// # Errors
    /// If the institution's node is not known here, the bytes are others than the CID says, or there
    /// is no room.
    pub async fn keep_page(&self, owner: Address, cid: &str, sealed: Bytes) -> Result<()> {
        if !self.peers.knows(owner) {
            let who = "pages are kept for institutions of the configuration";
            return Err(Error::Forbidden(who.to_owned()));
        }
        if sealed.len() as u64 > PAGE_BYTES {
            return Err(Error::TooLarge {
                what: "a page",
                limit: PAGE_BYTES,
            });
        }
        let cid = parse_cid(cid)?;
        crate::model::cid::check_cid(&cid, &sealed)?;
        let known = self.store.load::<Spare>(&Spare::id_of(owner, &cid)).await?;
        if known.is_some() {
            return Ok(());
        }
        let kept = Query::of(Kind::Spare).owner(hex::encode(owner));
        if self.store.count(&kept).await? >= PAGES {
            return Err(Error::TooOften(format!("at most {PAGES} pages are kept")));
        }
        let bytes = sealed.len() as u64;
        let wrapped = Wrapped {
            owner,
            cid,
            sealed: sealed.into(),
        };
        let plain = serde_ipld_dagcbor::to_vec(&wrapped).map_err(unreadable)?;
        let stored = seal::file::seal(&plain, &self.spare_key(), &mut rng());
        let stored = blobs::keep(self.vault.as_ref(), Bytes::from(stored)).await?;
        self.note(&Spare {
            owner,
            cid,
            stored,
            bytes,
        })
        .await
    }

    async fn note(&self, spare: &Spare) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(spare)?;
        self.store.write(&batch).await?;
        Ok(())
    }

    async fn spares(&self, mut query: Query) -> Result<Vec<Spare>> {
        let mut spares = Vec::new();
        loop {
            let page = self.store.all::<Spare>(query.clone()).await?;
            let Some(last) = page.last() else {
                return Ok(spares);
            };
            query = query.after(last.document.id());
            spares.extend(page.into_iter().map(|held| held.document));
        }
    }

    /// The pages that are kept for an institution.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn spare_pages(&self, owner: Address) -> Result<Vec<SpareView>> {
        let query = Query::of(Kind::Spare).owner(hex::encode(owner));
        let spares = self.spares(query).await?;
        let view = |spare: Spare| SpareView {
            cid: spare.cid.to_string(),
            bytes: spare.bytes,
        };
        Ok(spares.into_iter().map(view).collect())
    }

    /// A page that is kept for an institution, as it brought it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for pages of others; or if it is damaged.
    pub async fn spare_page(&self, owner: Address, cid: &str) -> Result<Bytes> {
        let cid = parse_cid(cid)?;
        let held = self.store.load::<Spare>(&Spare::id_of(owner, &cid)).await?;
        let spare = held.ok_or(Error::NotFound("page"))?.document;
        let wrapped = self.unwrap(&spare.stored).await?;
        crate::model::cid::check_cid(&cid, &wrapped.sealed)?;
        Ok(wrapped.sealed.into())
    }

    async fn unwrap(&self, stored: &Cid) -> Result<Wrapped> {
        let sealed = blobs::read(self.vault.as_ref(), stored, 2 * PAGE_BYTES).await?;
        let plain = seal::file::open(&sealed, &self.spare_key())?;
        serde_ipld_dagcbor::from_slice(&plain).map_err(unreadable)
    }

    /// Delete pages that an institution does not need any longer.
    ///
    /// # Errors
    /// If the vault or the database refuses.
    pub async fn forget_pages(&self, owner: Address, forget: ForgetPages) -> Result<()> {
        if forget.cids.len() > AT_ONCE {
            return Err(Error::invalid("cids", format!("at most {AT_ONCE}")));
        }
        for cid in &forget.cids {
            let id = Spare::id_of(owner, &parse_cid(cid)?);
            let Some(held) = self.store.load::<Spare>(&id).await? else {
                continue;
            };
            blobs::forget(self.vault.as_ref(), &held.document.stored).await?;
            let mut batch = Batch::new();
            batch.delete::<Spare>(id);
            self.store.write(&batch).await?;
        }
        Ok(())
    }

    /// The blobs that hold pages of others.
    pub(crate) async fn spare_blobs(&self) -> Result<Vec<Cid>> {
        let spares = self.spares(Query::of(Kind::Spare)).await?;
        Ok(spares.into_iter().map(|spare| spare.stored).collect())
    }

    /// After a rebuild: note again which pages of others are here.
    ///
    /// # Errors
    /// If the vault or the database refuses.
    pub async fn find_spares(&self) -> Result<()> {
        let key = self.spare_key();
        for stored in blobs::kept(self.vault.as_ref()).await? {
            let start = blobs::start(self.vault.as_ref(), &stored, HEADER_LEN).await;
            let ours = start
                .is_ok_and(|start| seal::file::StreamOpener::new(start.as_slice(), &key).is_ok());
            if !ours {
                continue;
            }
            let Wrapped { owner, cid, sealed } = self.unwrap(&stored).await?;
            let bytes = sealed.len() as u64;
            self.note(&Spare {
                owner,
                cid,
                stored,
                bytes,
            })
            .await?;
        }
        Ok(())
    }

    // ---- our pages at others ----

    /// Give pages that others do not keep yet to enough of them, and have those deleted that a
    /// snapshot has taken the place of.
    ///
    /// # Errors
    /// If the vault or the database refuses; an institution that does not take them is no error.
    pub async fn spread_pages(&self) -> Result<()> {
        let all = self.peers.all();
        let wanted = self.settings.page_copies.min(all.len());
        // Who has failed once this round is left alone until the next one, so that what others keep
        // has no gaps but at its end.
        let mut silent = BTreeSet::new();
        let mut lacking = false;
        let due = Query::of(Kind::Journal).due_by(1).limit(200);
        for mut held in self.store.all::<Place>(due).await? {
            self.spread_page(&mut held.document, &all, wanted, &mut silent)
                .await?;
            held.document.lacking = held.document.copies.len() < wanted;
            lacking |= held.document.lacking;
            match self.keep_place(&held).await {
                // A snapshot has taken its place meanwhile.
                Err(Error::Store(StoreError::Conflict { .. })) => {
                    self.not_needed(&held.document).await?;
                }
                other => other?,
            }
        }
        if lacking {
            return Ok(());
        }
        self.take_back().await
    }

    async fn keep_place(&self, held: &Held<Place>) -> Result<()> {
        let mut batch = Batch::new();
        batch.replace(held)?;
        self.store.write(&batch).await?;
        Ok(())
    }

    async fn not_needed(&self, place: &Place) -> Result<()> {
        let mut batch = Batch::new();
        for holder in &place.copies {
            let (holder, cid) = (*holder, place.cid);
            batch.put(&Gone { holder, cid })?;
        }
        if !batch.0.is_empty() {
            self.store.write(&batch).await?;
        }
        Ok(())
    }

    async fn spread_page(
        &self,
        place: &mut Place,
        all: &[Address],
        wanted: usize,
        silent: &mut BTreeSet<Address>,
    ) -> Result<()> {
        let mut sealed = None;
        for peer in all {
            if place.copies.len() >= wanted {
                break;
            }
            if place.copies.contains(peer) || silent.contains(peer) {
                continue;
            }
            let page = match &sealed {
                Some(page) => page,
                None => sealed.insert(self.own_page(&place.cid).await?),
            };
            let cid = place.cid.to_string();
            match self.peers.keep_page(*peer, &cid, page.clone()).await {
                Ok(()) => place.copies.push(*peer),
                Err(error) => {
                    tracing::warn!(%error, "an institution does not take a journal page yet");
                    silent.insert(*peer);
                }
            }
        }
        Ok(())
    }

    async fn own_page(&self, cid: &Cid) -> Result<Bytes> {
        let sealed = blobs::read(self.vault.as_ref(), cid, PAGE_BYTES).await?;
        Ok(sealed.into())
    }

    /// Have pages deleted elsewhere that are not needed any longer.
    async fn take_back(&self) -> Result<()> {
        for peer in self.peers.all() {
            let gone = self.gone_at(peer).await?;
            if gone.is_empty() {
                continue;
            }
            let cids = gone.iter().map(|gone| gone.cid.to_string()).collect();
            if let Err(error) = self.peers.forget_pages(peer, &ForgetPages { cids }).await {
                tracing::warn!(%error, "an institution still keeps pages that are not needed");
                continue;
            }
            let mut batch = Batch::new();
            gone.iter().for_each(|gone| batch.delete::<Gone>(gone.id()));
            self.store.write(&batch).await?;
        }
        Ok(())
    }

    async fn gone_at(&self, holder: Address) -> Result<Vec<Gone>> {
        let limit = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        let query = Query::of(Kind::Journal)
            .owner(hex::encode(holder))
            .limit(limit);
        let held = self.store.all::<Gone>(query).await?;
        Ok(held.into_iter().map(|held| held.document).collect())
    }

    /// Whether another institution says that it keeps pages of this one. Who does not answer says
    /// nothing.
    pub async fn others_keep_pages(&self) -> bool {
        for peer in self.peers.all() {
            if self
                .peers
                .kept_pages(peer)
                .await
                .is_ok_and(|k| !k.is_empty())
            {
                return true;
            }
        }
        false
    }

    /// Fetch this institution's pages from the others; how many were not here.
    ///
    /// # Errors
    /// If nobody answers, or the vault refuses.
    pub async fn fetch_pages(&self) -> Result<u64> {
        let here = blobs::kept(self.vault.as_ref()).await?;
        let mut here: BTreeSet<Cid> = here.into_iter().collect();
        let (mut fetched, mut answers, mut last) = (0, 0, None);
        for peer in self.peers.all() {
            let kept = match self.peers.kept_pages(peer).await {
                Ok(kept) => kept,
                Err(error) => {
                    tracing::warn!(%error, "an institution was not heard");
                    last = Some(error);
                    continue;
                }
            };
            answers += 1;
            for view in kept {
                let cid = parse_cid(&view.cid)?;
                if !here.contains(&cid) && self.fetch_page(peer, &cid).await? {
                    here.insert(cid);
                    fetched += 1;
                }
            }
        }
        match last {
            Some(error) if answers == 0 => Err(error),
            _ => Ok(fetched),
        }
    }

    async fn fetch_page(&self, peer: Address, cid: &Cid) -> Result<bool> {
        let page = match self.peers.kept_page(peer, &cid.to_string()).await {
            Ok(page) => page,
            // Another institution may keep it too.
            Err(error) => {
                tracing::warn!(%error, %cid, "a page could not be fetched");
                return Ok(false);
            }
        };
        if crate::model::cid::check_cid(cid, &page).is_err() || !self.store.is_page(&page) {
            tracing::warn!(%peer, %cid, "what was sent is no page of this journal");
            return Ok(false);
        }
        blobs::keep(self.vault.as_ref(), page).await?;
        Ok(true)
    }

    /// After a rebuild without the blocks: fetch every blob of records and indexes that is not here;
    /// how many could not be had.
    ///
    /// # Errors
    /// If the vault or the database refuses.
    pub async fn fetch_blobs(&self) -> Result<u64> {
        use futures_util::TryStreamExt as _;

        let mut lost = 0;
        for cid in self.kept_blobs().await? {
            // Reading mends what is missing.
            let mut reading = self.replicator.read(&cid);
            let whole = async {
                while reading.try_next().await?.is_some() {}
                self.vault.pin(&cid).await
            };
            if let Err(error) = whole.await {
                tracing::error!(%cid, %error, "a blob is lost");
                lost += 1;
            }
        }
        Ok(lost)
    }
}
