//! Acts on their way to the chain.

use std::time::Duration;

use alloy_primitives::B256;
use api::acts::{ActView, Progress, SentForm, WithdrawForm};
use api::records::VersionView;

use super::{ClientError, Result, Session};

impl Session {
    /// How far an act is.
    ///
    /// # Errors
    /// If the node does not know it.
    pub async fn act(&self, id: B256) -> Result<ActView> {
        self.get(&format!("/api/v1/acts/{id}")).await
    }

    /// Wait until an act is in a block.
    ///
    /// # Errors
    /// If the chain refuses it, or it takes longer than `within`.
    pub async fn settle(&self, id: B256, within: Duration) -> Result<ActView> {
        let start = tokio::time::Instant::now();
        loop {
            let view = self.act(id).await?;
            match view.progress {
                Progress::Included | Progress::Final => return Ok(view),
                Progress::Failed => {
                    let reason = view.error.unwrap_or_else(|| "no reason given".into());
                    return Err(ClientError::NotTaken {
                        name: view.name,
                        reason,
                    });
                }
                Progress::Withdrawn => {
                    let reason = "it was taken back".into();
                    return Err(ClientError::NotTaken {
                        name: view.name,
                        reason,
                    });
                }
                Progress::Waiting | Progress::OwnWallet | Progress::Pending => {}
            }
            if start.elapsed() > within {
                return Err(ClientError::Slow {
                    name: view.name,
                    seconds: within.as_secs(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Have the hospital carry an act now that waits for a low fee or for an own wallet.
    ///
    /// # Errors
    /// If the caller did not hand it in.
    pub async fn send_now(&self, id: B256) -> Result<ActView> {
        let nothing = serde_json::json!({});
        self.post(&format!("/api/v1/acts/{id}/send-now"), &nothing)
            .await
    }

    /// Name the transaction with which an own wallet carries an act.
    ///
    /// # Errors
    /// If the chain does not know it yet, it makes another call, or the hospital carries the act.
    pub async fn sent(&self, id: B256, tx: B256) -> Result<ActView> {
        self.post(&format!("/api/v1/acts/{id}/sent"), &SentForm { tx })
            .await
    }

    /// Take an approval back that is not on its way yet, and its version out of the index.
    ///
    /// # Errors
    /// If it is on its way, or no approval of the caller's.
    pub async fn withdraw(&self, version: &VersionView) -> Result<ActView> {
        let id = version
            .act
            .ok_or(custody::model::error::Error::NotFound("act"))?;
        let before = self.sealed_index().await?;
        let mut index = self.opened_index(before.as_ref())?;
        crate::person::approval::take_back(&mut index, version.commitment);
        let sealed =
            crate::person::approval::seal_index(&self.keys, self.at(), &index, before.as_ref())?;
        let form = WithdrawForm {
            index: Some(sealed.encode().into()),
        };
        self.post(&format!("/api/v1/acts/{id}/withdraw"), &form)
            .await
    }
}
