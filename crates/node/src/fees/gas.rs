//! What acts use of gas, as `scripts/gas.sh` measured it.

use std::sync::OnceLock;

use api::fees::Gas;

/// Written and checked by `scripts/gas.sh` on a real chain.
const MEASURED: &str = include_str!("../../../../contracts/gas.md");

/// The table, read once.
pub(crate) fn measured() -> &'static Gas {
    static GAS: OnceLock<Gas> = OnceLock::new();
    GAS.get_or_init(|| Gas {
        commit: of("Records", "commit, first version"),
        correct: of("Records", "commit, first correction"),
        grant: of("Consents", "grant"),
        revoke: of("Consents", "revoke"),
        request: of("Consents", "request"),
        checkpoint: of("Log", "checkpoint, later"),
        erase: of("Records", "erase"),
        publish_key: of("Registry", "publish a key statement"),
        admit_staff: of("Registry", "admit a doctor"),
        enrol_patient: of("Registry", "enrol a patient"),
    })
}

/// One line's figure; 0 if the line is not there, which a test excludes.
fn of(contract: &str, act: &str) -> u64 {
    let lines = MEASURED.lines().map(|line| line.split('|').map(str::trim));
    let found = lines
        .map(Iterator::collect::<Vec<_>>)
        .find(|cells| cells.get(1) == Some(&contract) && cells.get(2) == Some(&act));
    let figure = found.and_then(|cells| cells.get(3)?.replace(',', "").parse().ok());
    figure.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_has_a_figure() {
        let gas = serde_json::to_value(measured()).unwrap();
        for (act, figure) in gas.as_object().unwrap() {
            // No transaction costs less than 21,000.
            assert!(figure.as_u64().unwrap() > 21_000, "{act}: {figure}");
        }
    }
}
