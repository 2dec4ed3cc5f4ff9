//! Lost and altered blocks: found, named in the log, restored.

use api::log::Deed;
use custody::model::error::Result;
use custody::model::log_entry::Entry;

use crate::app::App;

/// Blocks that are asked of each replica per round.
const SAMPLE: usize = 8;

/// Look for lost and altered blocks, here and at the replicas, name them in the log, and restore
/// them from whoever has them.
pub(crate) async fn guard(app: &App) -> Result<()> {
    let hospital = app.hospital();
    let replicator = &hospital.replicator;
    let (verified, mut repairs) = replicator.repair_own().await?;
    let here = hospital.address();
    let entry = |deed: Deed, detail: String| Entry::new(deed, hospital.now(), here).detail(detail);
    for block in &verified.damaged {
        app.metrics().damaged.inc();
        tracing::error!(%block, "a stored block was altered");
        hospital
            .touch(entry(Deed::Damage, format!("{block} here")))
            .await?;
    }
    let findings = replicator
        .audit(&mut custody::ports::random::rng(), SAMPLE)
        .await?;
    for finding in &findings {
        app.metrics().damaged.inc();
        tracing::error!(
            finding = describe(finding),
            "a replica is not as it should be"
        );
        hospital
            .touch(entry(Deed::Damage, describe(finding)))
            .await?;
    }
    repairs.extend(
        replicator
            .repair(&mut custody::ports::random::rng(), &findings)
            .await?,
    );
    for repair in &repairs {
        app.metrics().repaired.inc();
        hospital
            .touch(entry(Deed::Repair, repair.to_string()))
            .await?;
    }
    replicator.heal().await?;
    Ok(())
}

fn describe(finding: &vault::replicate::Finding) -> String {
    let block = finding.block.unwrap_or(finding.root);
    format!(
        "{}: block {block} held by {}",
        finding.fault, finding.holder
    )
}
