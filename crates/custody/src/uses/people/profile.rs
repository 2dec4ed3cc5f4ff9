//! Profiles and the staff directory: who works here, and how people want to be told of news.
//!
//! What the chain says of a person (institution, role, whether active) is asked of the chain each
//! time. What a profile adds stays with the hospital: a name and a department, shown for staff
//! only, and an address for mail, shown to nobody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use api::people::{ProfileView, StaffView};
use record::Role;
use tokio::sync::Mutex;

use crate::model::document::{Batch, Held, Kind, Query};
use crate::model::error::{Error, Result};
use crate::model::invitation::Invitation;
use crate::model::mail::check_address;
use crate::model::person::{Person, sealing_public};
use crate::model::profile::Profile;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;

/// The longest name or department, bytes.
pub(crate) const TEXT: usize = 200;

/// What is remembered of who works here, and since when.
pub(crate) type Roster = Mutex<Option<(Instant, Arc<[StaffView]>)>>;

/// How long the list of staff is remembered.
pub(crate) const FRESH: Duration = Duration::from_secs(3);

/// Most people whom one answer lists.
pub(crate) const PEOPLE: usize = 1000;

impl Hospital {
    /// What a person has set.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn profile(&self, wallet: Address) -> Result<ProfileView> {
        let held = self.store.load::<Profile>(&hex::encode(wallet)).await?;
        Ok(held.map(|h| h.document.set).unwrap_or_default())
    }

    /// Set a profile.
    ///
    /// # Errors
    /// If a field is not allowed.
    pub async fn set_profile(&self, wallet: Address, set: ProfileView) -> Result<ProfileView> {
        for (field, text) in [("name", &set.name), ("department", &set.department)] {
            if text.len() > TEXT || text.chars().any(char::is_control) {
                return Err(Error::invalid(
                    field,
                    format!("at most {TEXT} bytes in one line"),
                ));
            }
        }
        if !set.email.is_empty() {
            check_address(&set.email)?;
        } else if set.mail {
            return Err(Error::invalid("email", "mail needs an address"));
        }
        let known = self.store.load::<Profile>(&hex::encode(wallet)).await?;
        let document = Profile {
            wallet,
            set: set.clone(),
        };
        let mut batch = Batch::new();
        match known {
            Some(held) => batch.replace(&Held { document, ..held })?,
            None => batch.create(&document)?,
        }
        self.store.write(&batch).await?;
        *self.roster.lock().await = None;
        Ok(set)
    }

    /// The active staff of an institution whose keys are known, with one role or any.
    ///
    /// # Errors
    /// If the database or the chain does not answer, or the other institution's node.
    pub async fn staff_of(
        &self,
        institution: Address,
        role: Option<Role>,
    ) -> Result<Vec<StaffView>> {
        let mut staff = if institution == self.address() {
            self.staff_here().await?.to_vec()
        } else {
            self.staff_elsewhere(institution).await?
        };
        staff.retain(|s| role.is_none_or(|role| s.role == role));
        staff.sort_by(|a, b| a.name.cmp(&b.name).then(a.wallet.cmp(&b.wallet)));
        Ok(staff)
    }

    /// The active staff of this institution, as it was a few seconds ago at most: a list is no
    /// permission, and the chain is not asked anew for each of many people each time.
    ///
    /// # Errors
    /// If the database or the chain does not answer.
    pub async fn staff_here(&self) -> Result<Arc<[StaffView]>> {
        let mut roster = self.roster.lock().await;
        if let Some((read, staff)) = roster.as_ref()
            && read.elapsed() < FRESH
        {
            return Ok(staff.clone());
        }
        let staff: Arc<[StaffView]> = self.read_staff().await?.into();
        *roster = Some((Instant::now(), staff.clone()));
        Ok(staff)
    }

    /// Only who was ever invited here can be staff here: nobody else is asked about, however many
    /// people the directory has.
    async fn read_staff(&self) -> Result<Vec<StaffView>> {
        let mut staff = Vec::new();
        let invited = Query::of(Kind::Invitation);
        for held in self.store.readable::<Invitation>(invited).await? {
            if staff.len() < PEOPLE
                && let Some(view) = self.as_staff(held.document.staff).await?
            {
                staff.push(view);
            }
        }
        Ok(staff)
    }

    async fn as_staff(&self, wallet: Address) -> Result<Option<StaffView>> {
        let Some(known) = self.store.load::<Person>(&hex::encode(wallet)).await? else {
            return Ok(None);
        };
        let person = known.document;
        let at = self.staff(wallet).await?;
        let Some(at) = at.filter(|at| at.institution == self.address()) else {
            return Ok(None);
        };
        let set = self.profile(person.wallet).await?;
        Ok(Some(StaffView {
            wallet: person.wallet,
            institution: at.institution,
            role: at.role,
            name: if set.name.is_empty() {
                person.name.clone()
            } else {
                set.name
            },
            department: set.department,
            person: person.into(),
        }))
    }

    /// What another institution's node says of its staff, as far as the chain and the key
    /// statements bear it out.
    async fn staff_elsewhere(&self, institution: Address) -> Result<Vec<StaffView>> {
        if !self.peers.knows(institution) {
            return Err(Error::NotFound("institution"));
        }
        let said = self.peers.staff(institution).await?;
        let mut staff = Vec::new();
        for view in said.into_iter().take(PEOPLE) {
            let at = self.staff(view.wallet).await?;
            let true_on_chain =
                at.is_some_and(|at| at.institution == institution && at.role == view.role);
            let own_key = view.person.wallet == view.wallet
                && sealing_public(&view.person, self.deployment()).is_ok();
            if true_on_chain && own_key && view.institution == institution {
                staff.push(view);
            }
        }
        Ok(staff)
    }
}
