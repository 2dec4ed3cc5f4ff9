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
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::Address;
use api::peers::{ForgetPages, SpareView};
use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
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
use crate::uses::lifecycle::{Counts, Lifecycle, Limits, Step};

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

/// How long it may take to give one page to enough institutions.
const GIVING: Duration = Duration::from_secs(300);

/// Institutions that have failed in this round: they are left alone until the next one, so that what
/// others keep has no gaps but at its end.
#[derive(Debug, Default)]
struct Silent(Mutex<BTreeSet<Address>>);

impl Silent {
    fn set(&self) -> MutexGuard<'_, BTreeSet<Address>> {
        // The set is whole whatever happened to whoever changed it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self, institution: &Address) -> bool {
        self.set().contains(institution)
    }

    fn note(&self, institution: Address) {
        self.set().insert(institution);
    }
}

/// Pages of the journal that too few institutions keep: they are given to more, in order. When none
/// is lacking, those that a snapshot has taken the place of are taken back.
#[derive(Debug, Default)]
pub struct PageCopies {
    silent: Silent,
}

#[async_trait]
impl Lifecycle for PageCopies {
    type Document = Place;

    fn name(&self) -> &'static str {
        "page_copies"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Journal).due_by(1)
    }

    fn limits(&self) -> Limits {
        Limits {
            concurrency: 1,
            step: GIVING,
            ..Limits::default()
        }
    }

    fn begin(&self) {
        self.silent.set().clear();
    }

    async fn step(&self, hospital: &Hospital, held: Held<Place>) -> Result<Step> {
        hospital.copy_page(held, &self.silent).await
    }

    async fn finish(&self, hospital: &Hospital, counts: &Counts) -> Result<()> {
        if counts.open() > 0 {
            return Ok(());
        }
        hospital.take_back().await
    }
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

    async fn spares(&self, query: Query) -> Result<Vec<Spare>> {
        let spares = self.store.each::<Spare>(query);
        Ok(spares.map_ok(|held| held.document).try_collect().await?)
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

    async fn copy_page(&self, mut held: Held<Place>, silent: &Silent) -> Result<Step> {
        let all = self.peers.all();
        let wanted = self.settings.page_copies.min(all.len());
        let before = held.document.copies.len();
        self.spread_page(&mut held.document, &all, wanted, silent)
            .await?;
        let place = &mut held.document;
        place.lacking = place.copies.len() < wanted;
        if place.lacking && place.copies.len() == before {
            return Ok(Step::Waiting);
        }
        match self.keep_place(&held).await {
            // A snapshot has taken its place meanwhile.
            Err(Error::Store(StoreError::Conflict { .. })) => {
                self.not_needed(&held.document).await?;
            }
            other => other?,
        }
        Ok(if held.document.lacking {
            Step::Waiting
        } else {
            Step::Moved
        })
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
        silent: &Silent,
    ) -> Result<()> {
        let mut sealed = None;
        for peer in all {
            if place.copies.len() >= wanted {
                break;
            }
            if place.copies.contains(peer) || silent.holds(peer) {
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
                    silent.note(*peer);
                }
            }
        }
        Ok(())
    }

    async fn own_page(&self, cid: &Cid) -> Result<Bytes> {
        let sealed = blobs::read(self.vault.as_ref(), cid, PAGE_BYTES).await?;
        Ok(sealed.into())
    }

    /// Have pages deleted elsewhere that are not needed any longer. Each institution is told by
    /// itself: one that does not answer holds up no other.
    async fn take_back(&self) -> Result<()> {
        let told = self
            .peers
            .all()
            .into_iter()
            .map(|peer| self.take_back_from(peer));
        join_all(told).await.into_iter().collect()
    }

    async fn take_back_from(&self, peer: Address) -> Result<()> {
        let gone = self.gone_at(peer).await?;
        if gone.is_empty() {
            return Ok(());
        }
        let cids = gone.iter().map(|gone| gone.cid.to_string()).collect();
        if let Err(error) = self.peers.forget_pages(peer, &ForgetPages { cids }).await {
            tracing::warn!(%error, "an institution still keeps pages that are not needed");
            return Ok(());
        }
        let mut batch = Batch::new();
        gone.iter().for_each(|gone| batch.delete::<Gone>(gone.id()));
        self.store.write(&batch).await?;
        Ok(())
    }

    async fn gone_at(&self, holder: Address) -> Result<Vec<Gone>> {
        let limit = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        let query = Query::of(Kind::Journal).owner(hex::encode(holder));
        let page = self.store.page::<Gone>(query, limit).await?;
        Ok(page.documents.into_iter().map(|h| h.document).collect())
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
