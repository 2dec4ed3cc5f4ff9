//! Blocks that make acts final on a test chain: Anvil makes one for each transaction and then rests,
//! so that the last acts would wait for ever for the blocks on top of theirs.

use std::time::Duration;

use ledger::rpc::At;
use ledger::{Endpoint as _, Rpc};
use serde_json::json;
use tokio::task::JoinHandle;

/// What Anvil is told, so that a block is final when two stand on top.
pub(crate) const OPTIONS: [&str; 2] = ["--slots-in-an-epoch", "1"];
/// Between two looks.
const BEAT: Duration = Duration::from_secs(2);

/// Makes blocks until it is dropped; only as long as there is something to make final, so that a
/// chain at rest does not grow.
pub(crate) struct Beat(JoinHandle<()>);

impl Beat {
    pub(crate) fn start(rpc: Rpc) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                // An Ethereum node that is killed on purpose is no news here.
                let _ = beat(&rpc).await;
            }
        }))
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn beat(rpc: &Rpc) -> ledger::Result<()> {
    let height =
        async |at| Ok::<_, ledger::Error>(rpc.block(at).await?.map_or(0, |block| block.number));
    let (last, head) = (height(At::Finalized).await?, height(At::Latest).await?);
    for number in last + 1..=head {
        let number = json!([format!("{number:#x}")]);
        let count = rpc.other("eth_getBlockTransactionCountByNumber", number);
        if count.await? != "0x0" {
            rpc.other("evm_mine", json!([])).await?;
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::anvil::{Anvil, Options};

    #[tokio::test]
    async fn what_was_carried_becomes_final_and_then_the_chain_rests() {
        let options = Options {
            extra: OPTIONS.map(str::to_owned).to_vec(),
            ..Options::default()
        };
        let anvil = match Anvil::start(&options) {
            Ok(anvil) => anvil,
            Err(ledger::Error::Program(reason)) => {
                eprintln!("SKIPPED what_was_carried_becomes_final: {reason}");
                return;
            }
            Err(other) => panic!("{other}"),
        };
        let rpc = Rpc::connect(&anvil.url()).unwrap();
        let accounts = rpc.other("eth_accounts", json!([])).await.unwrap();
        let transfer = json!([{"from": accounts[0], "to": accounts[1], "value": "0x1"}]);
        rpc.other("eth_sendTransaction", transfer).await.unwrap();
        for _ in 0..5 {
            beat(&rpc).await.unwrap();
        }
        let height = async |at| rpc.block(at).await.unwrap().unwrap().number;
        assert_eq!(height(At::Finalized).await, 1);
        assert_eq!(height(At::Latest).await, 3);
    }
}
