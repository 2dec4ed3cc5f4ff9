//! What a hospital's management and its auditor see: records as they are held, the health of their
//! copies, unusual access, figures by day.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use api::acts::Progress;
use api::hospital::{
    BlockEvent, CopyState, CopyView, DayFigures, DoctorFigures, FiguresView, HealthView,
    HeldRecord, HeldRecords, HolderView, Notice, OnChain, Signed,
};
use api::log::Deed;
use custody::model::act::Errand;
use custody::model::chain_facts::RecordFacts;
use custody::model::error::{Error, Result};
use custody::model::log_entry::Entry;
use custody::model::version::Version;
use custody::uses::hospital::Hospital;
use vault::replicate::Act;

use crate::app::App;

const DAY: u64 = 86_400;

/// Log entries that are looked at; more than a busy hospital writes in a month.
const ENTRIES: usize = 50_000;

/// Events or notices in one answer.
const EVENTS: usize = 200;

/// One page of records.
///
/// # Errors
/// If the database or the vault does not answer.
pub(crate) async fn records(app: &App, after: Option<B256>, limit: u32) -> Result<HeldRecords> {
    let hospital = app.hospital();
    let mut versions = hospital.page_of_versions(after, limit + 1).await?;
    let more = versions.len() > limit as usize;
    versions.truncate(limit as usize);
    let next = versions.last().filter(|_| more).map(|v| v.record);
    let mut records = Vec::new();
    for version in versions {
        records.push(held(hospital, version).await?);
    }
    Ok(HeldRecords { records, next })
}

async fn held(hospital: &Hospital, version: Version) -> Result<HeldRecord> {
    let examined = match hospital.examine(&version).await {
        Err(Error::Chain(_)) => custody::uses::overview::Examined {
            signed: Signed::Unknown,
            bytes: None,
        },
        examined => examined?,
    };
    Ok(HeldRecord {
        author_name: name_of(hospital, version.author).await?,
        on_chain: on_chain(hospital, &version).await,
        replicas: copies(hospital, &version).await?,
        signature: examined.signed,
        signature_verified: match examined.signed {
            Signed::Holds => Some(true),
            Signed::Fails => Some(false),
            Signed::Erased | Signed::Unknown => None,
        },
        size: examined.bytes,
        cid: version.manifest.to_string(),
        parts: version.parts.len(),
        record: version.record,
        version: version.version,
        series: version.series,
        patient: version.patient,
        author: version.author,
        created_at: version.created_at,
        stage: version.stage,
    })
}

async fn name_of(hospital: &Hospital, wallet: Address) -> Result<Option<String>> {
    let person = hospital.person_here(wallet).await?;
    Ok(person.map(|p| p.name).filter(|name| !name.is_empty()))
}

async fn on_chain(hospital: &Hospital, version: &Version) -> OnChain {
    let Some(controller) = version.controller else {
        return OnChain::Not;
    };
    match hospital.chain.record(controller).await {
        Ok(RecordFacts::At { commitment, .. }) if commitment == version.commitment => {
            OnChain::Current
        }
        Ok(RecordFacts::At { version: at, .. }) if at >= version.version => OnChain::Corrected,
        Ok(RecordFacts::At { .. } | RecordFacts::None) => OnChain::Underway,
        Ok(RecordFacts::Erased) => OnChain::Erased,
        Err(_) => OnChain::Unknown,
    }
}

/// Who signed for how many of the blobs of a version.
async fn copies(hospital: &Hospital, version: &Version) -> Result<Vec<CopyView>> {
    let blobs = version.blobs();
    let mut found: BTreeMap<String, (usize, usize, u64)> = BTreeMap::new();
    for blob in &blobs {
        for receipt in hospital.replicator.receipts(blob).await? {
            let (held, deleted, at) = found.entry(receipt.holder).or_default();
            match receipt.act {
                Act::Stored => *held += 1,
                Act::Deleted => *deleted += 1,
            }
            *at = (*at).max(receipt.at);
        }
    }
    let view = |(institution, (held, deleted, ok_at)): (String, (usize, usize, u64))| CopyView {
        state: match (held, deleted) {
            (held, 0) if held >= blobs.len() => CopyState::Held,
            (0, _) => CopyState::Deleted,
            _ => CopyState::Partial,
        },
        institution,
        ok_at,
    };
    Ok(found.into_iter().map(view).collect())
}

/// How it stands.
///
/// # Errors
/// If the database or the vault does not answer.
pub(crate) async fn health(app: &App) -> Result<HealthView> {
    let (hospital, config) = (app.hospital(), app.config());
    let stat = hospital.vault.stat().await?;
    let (mut blobs, mut lacking) = (0, 0);
    let mut holders: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for root in hospital.replicator.roots().await? {
        let receipts = hospital.replicator.receipts(&root).await?;
        let stored: Vec<_> = receipts.iter().filter(|r| r.act == Act::Stored).collect();
        blobs += 1;
        lacking += u64::from(stored.len() + 1 < config.replicas);
        for receipt in stored {
            let (holds, at) = holders.entry(receipt.holder.clone()).or_default();
            *holds += 1;
            *at = (*at).max(receipt.at);
        }
    }
    let month = hospital.now().saturating_sub(30 * DAY);
    let (mut waiting, mut pending, mut failed) = (0, 0, 0);
    for errand in hospital.all_errands().await? {
        match errand.progress {
            Progress::Waiting | Progress::OwnWallet => waiting += 1,
            Progress::Pending | Progress::Included => pending += 1,
            Progress::Failed if errand.created_at >= month => failed += 1,
            Progress::Failed | Progress::Final | Progress::Withdrawn => {}
        }
    }
    let log_size = hospital.log.size().await;
    Ok(HealthView {
        copies: config.replicas,
        quorum: config.quorum,
        blobs,
        lacking,
        holders: holders
            .into_iter()
            .map(|(institution, (holds, last_at))| HolderView {
                institution,
                holds,
                last_at,
            })
            .collect(),
        blocks: stat.blocks,
        bytes: stat.bytes,
        events: block_events(&hospital.entries_since(month, ENTRIES).await?),
        acts_waiting: waiting,
        acts_pending: pending,
        acts_failed: failed,
        log_size: log_size.map_err(|e| Error::Log(e.to_string()))?,
        log_anchored: hospital.chain.anchored(hospital.address()).await.ok(),
    })
}

fn block_events(entries: &[Entry]) -> Vec<BlockEvent> {
    let of_blocks = |e: &&Entry| matches!(e.deed, Deed::Damage | Deed::Repair);
    let newest = entries.iter().rev().filter(of_blocks).take(EVENTS);
    newest
        .map(|entry| BlockEvent {
            at: entry.at,
            mended: entry.deed == Deed::Repair,
            text: entry.detail.clone().unwrap_or_default(),
        })
        .collect()
}

/// Unusual access in the last `days` days.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn intrusions(app: &App, days: u64) -> Result<Vec<Notice>> {
    let hospital = app.hospital();
    let since = hospital.now().saturating_sub(days * DAY);
    let entries = hospital.entries_since(since, ENTRIES).await?;
    let devices = crate::devices::new_since(app.database(), since).await?;
    let mut notices = crate::watch::notices(&entries, &devices, &app.config().watch);
    notices.truncate(EVENTS);
    for notice in &mut notices {
        notice.name = name_of(hospital, notice.who).await?;
    }
    Ok(notices)
}

/// Figures of the last `days` days, today included.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn figures(app: &App, days: u64) -> Result<FiguresView> {
    let hospital = app.hospital();
    let today = hospital.now() / DAY;
    let first = (today + 1).saturating_sub(days);
    let mut by_day: BTreeMap<u64, DayFigures> = (first..=today)
        .map(|day| {
            let figures = DayFigures {
                date: date_of(day),
                ..DayFigures::default()
            };
            (day, figures)
        })
        .collect();
    for entry in hospital.entries_since(first * DAY, ENTRIES).await? {
        let Some(day) = by_day.get_mut(&(entry.at / DAY)) else {
            continue;
        };
        match entry.deed {
            Deed::Upload => day.uploads += 1,
            Deed::Open => day.opens += 1,
            Deed::Refused => day.refusals += 1,
            _ => {}
        }
    }
    // What a person's own wallet paid is not the hospital's.
    let relayed = |errand: &Errand| errand.own.is_none();
    for errand in hospital.all_errands().await?.into_iter().filter(relayed) {
        if let Some(day) = by_day.get_mut(&(errand.created_at / DAY)) {
            day.gas += errand.gas.unwrap_or_default();
        }
    }
    let versions = hospital.all_versions().await?;
    let mut records = BTreeMap::new();
    for version in &versions {
        *records.entry(version.stage.name().to_owned()).or_default() += 1;
    }
    Ok(FiguresView {
        days: by_day.into_values().collect(),
        doctors: doctors(hospital, &versions).await?,
        patients: hospital.patient_count().await?,
        records,
    })
}

async fn doctors(hospital: &Hospital, versions: &[Version]) -> Result<Vec<DoctorFigures>> {
    let mut by_doctor: BTreeMap<Address, (BTreeSet<B256>, u64)> = BTreeMap::new();
    for version in versions {
        let (patients, records) = by_doctor.entry(version.author).or_default();
        patients.insert(version.patient);
        *records += 1;
    }
    let mut doctors = Vec::new();
    for (doctor, (patients, records)) in by_doctor {
        doctors.push(DoctorFigures {
            doctor,
            name: name_of(hospital, doctor).await?,
            patients: patients.len() as u64,
            records,
        });
    }
    doctors.sort_by_key(|d| std::cmp::Reverse((d.patients, d.records)));
    Ok(doctors)
}

/// A day, counted from 1970, as it is written.
fn date_of(day: u64) -> String {
    crate::session::rfc3339(day * DAY)
        .chars()
        .take("2025-03-01".len())
        .collect()
}
