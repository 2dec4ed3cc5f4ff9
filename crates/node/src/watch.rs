//! Unusual access, told from the hospital's own log: for people who watch over it, not for programs
//! that decide. Whether somebody may see something is decided elsewhere, each time, by the chain.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use api::hospital::{Level, Notice, NoticeKind};
use api::log::Deed;
use custody::model::log_entry::Entry;

use crate::config::WatchConfig;

const HOUR: u64 = 3600;

const DAY: u64 = 86_400;

/// A sign-in from a device that was new then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewDevice {
    pub(crate) at: u64,
    pub(crate) who: Address,
}

/// Everything unusual in these entries, newest first. Entries are in the order of time.
pub(crate) fn notices(
    entries: &[Entry],
    devices: &[NewDevice],
    rules: &WatchConfig,
) -> Vec<Notice> {
    let mut found = refusals(entries, rules);
    found.extend(off_hours(entries, rules));
    found.extend(bulk(entries, rules));
    found.extend(devices.iter().map(|device| Notice {
        at: device.at,
        level: Level::Info,
        kind: NoticeKind::UnknownDevice,
        who: device.who,
        name: None,
        subject: None,
        count: 1,
        text: "signed in from a device that was not used here before".to_owned(),
    }));
    found.sort_by_key(|notice| (std::cmp::Reverse(notice.at), notice.kind, notice.who));
    found
}

fn is_open(entry: &Entry) -> bool {
    matches!(entry.deed, Deed::Open | Deed::Serve)
}

/// The level of a count between two thresholds.
fn level(count: u64, warn: u64, alert: u64) -> Level {
    if count >= alert {
        Level::Alert
    } else if count >= warn {
        Level::Warn
    } else {
        Level::Info
    }
}

/// Entries of one person in one span of time, with the patients that they are about.
#[derive(Default)]
struct Tally {
    at: u64,
    count: u64,
    patients: BTreeSet<B256>,
    grants: BTreeSet<B256>,
}

impl Tally {
    fn add(&mut self, entry: &Entry) {
        self.at = self.at.max(entry.at);
        self.count += 1;
        self.patients.extend(entry.patient);
        self.grants.extend(entry.grant);
    }

    /// The patient, if there is one alone.
    fn subject(&self) -> Option<B256> {
        let mut patients = self.patients.iter();
        patients
            .next()
            .copied()
            .filter(|_| patients.next().is_none())
    }
}

fn tallied<'a>(
    entries: &'a [Entry],
    span: u64,
    wanted: impl Fn(&Entry) -> bool + 'a,
) -> BTreeMap<(Address, u64), Tally> {
    let mut tallies: BTreeMap<(Address, u64), Tally> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| wanted(entry)) {
        let key = (entry.actor, entry.at / span);
        tallies.entry(key).or_default().add(entry);
    }
    tallies
}

/// Refused opens, by person and day.
fn refusals(entries: &[Entry], rules: &WatchConfig) -> Vec<Notice> {
    let tallies = tallied(entries, DAY, |entry| entry.deed == Deed::Refused);
    let notice = |((who, _), tally): ((Address, u64), Tally)| {
        let times = if tally.count == 1 {
            "once"
        } else {
            "several times"
        };
        Notice {
            at: tally.at,
            level: level(tally.count, rules.refusals_warn, rules.refusals_alert),
            kind: NoticeKind::Refusals,
            who,
            name: None,
            subject: tally.subject(),
            count: tally.count,
            text: format!("was refused {times} that day"),
        }
    };
    tallies.into_iter().map(notice).collect()
}

/// Opens outside the hospital's hours, by person and day. As many as would be unusual within an hour
/// of the day are louder.
fn off_hours(entries: &[Entry], rules: &WatchConfig) -> Vec<Notice> {
    let quiet = |entry: &Entry| {
        let local = entry
            .at
            .saturating_add_signed(i64::from(rules.utc_offset_minutes) * 60);
        let hour = u8::try_from(local % DAY / HOUR).unwrap_or_default();
        !(rules.day_from..rules.day_until).contains(&hour)
    };
    let tallies = tallied(entries, DAY, move |entry| is_open(entry) && quiet(entry));
    let notice = |((who, _), tally): ((Address, u64), Tally)| Notice {
        at: tally.at,
        level: level(tally.count, rules.bulk_warn, rules.bulk_alert),
        kind: NoticeKind::OffHours,
        who,
        name: None,
        subject: tally.subject(),
        count: tally.count,
        text: format!(
            "opened at an hour between {:02}:00 and {:02}:00",
            rules.day_until, rules.day_from
        ),
    };
    tallies.into_iter().map(notice).collect()
}

/// Many grants opened within an hour of the clock, by person.
fn bulk(entries: &[Entry], rules: &WatchConfig) -> Vec<Notice> {
    let tallies = tallied(entries, HOUR, |entry| entry.deed == Deed::Open);
    let many = tallies.into_iter().filter_map(|((who, _), tally)| {
        let grants = tally.grants.len() as u64;
        (grants >= rules.bulk_warn).then(|| Notice {
            at: tally.at,
            level: level(grants, rules.bulk_warn, rules.bulk_alert),
            kind: NoticeKind::Bulk,
            who,
            name: None,
            subject: tally.subject(),
            count: grants,
            text: format!("opened {grants} different grants within an hour"),
        })
    });
    many.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use custody::model::error::Refusal;

    const WHO: Address = Address::repeat_byte(1);
    /// Noon.
    const NOON: u64 = 20_000 * DAY + 12 * HOUR;

    fn entry(deed: Deed, at: u64, grant: u8) -> Entry {
        let entry = Entry::new(deed, at, WHO).grant(B256::repeat_byte(grant));
        let entry = entry.patient(B256::repeat_byte(9));
        match deed {
            Deed::Refused => entry.refusal(Refusal::Revoked),
            _ => entry,
        }
    }

    fn told(entries: &[Entry]) -> Vec<(NoticeKind, Level, u64)> {
        let notices = notices(entries, &[], &WatchConfig::default());
        notices.iter().map(|n| (n.kind, n.level, n.count)).collect()
    }

    #[test]
    fn ordinary_work_is_not_told() {
        let day: Vec<Entry> = (0..8)
            .map(|n| entry(Deed::Open, NOON + u64::from(n) * 600, n % 3))
            .collect();
        assert!(told(&day).is_empty());
    }

    #[test]
    fn refusals_grow_louder_with_their_number() {
        let refused = |n: u64| {
            (0..n)
                .map(|i| entry(Deed::Refused, NOON + i, 1))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&refused(1)), [(NoticeKind::Refusals, Level::Info, 1)]);
        assert_eq!(told(&refused(3)), [(NoticeKind::Refusals, Level::Warn, 3)]);
        assert_eq!(
            told(&refused(10)),
            [(NoticeKind::Refusals, Level::Alert, 10)]
        );
    }

    #[test]
    fn the_night_is_told_by_the_hospitals_own_clock() {
        let night = [entry(Deed::Open, NOON + 11 * HOUR, 1)];
        assert_eq!(told(&night), [(NoticeKind::OffHours, Level::Info, 1)]);
        let elsewhere = WatchConfig {
            utc_offset_minutes: -300,
            ..WatchConfig::default()
        };
        assert!(notices(&night, &[], &elsewhere).is_empty());
    }

    #[test]
    fn many_grants_in_an_hour_are_told_and_many_parts_of_one_are_not() {
        let many: Vec<Entry> = (0..12)
            .map(|n| entry(Deed::Open, NOON + u64::from(n), n))
            .collect();
        assert_eq!(told(&many), [(NoticeKind::Bulk, Level::Warn, 12)]);
        let one: Vec<Entry> = (0..40).map(|n| entry(Deed::Serve, NOON + n, 1)).collect();
        assert!(told(&one).is_empty());
    }

    #[test]
    fn a_notice_names_the_patient_if_there_is_one_alone() {
        let devices = [NewDevice { at: NOON, who: WHO }];
        let entries = [entry(Deed::Refused, NOON - 5, 1), {
            let mut other = entry(Deed::Refused, NOON - 4, 2);
            other.patient = Some(B256::repeat_byte(8));
            other
        }];
        let all = notices(&entries, &devices, &WatchConfig::default());
        assert_eq!(all[0].kind, NoticeKind::UnknownDevice);
        assert_eq!((all[1].subject, all[1].count), (None, 2));
        let one = notices(&entries[..1], &[], &WatchConfig::default());
        assert_eq!(one[0].subject, Some(B256::repeat_byte(9)));
    }
}
