//! A whole life of a deployment, from admission to erasure.

use std::sync::Arc;

use acts::{Act, Commit, CommitBatch, Grant, Revoke, Role, WalletKey};
use alloy_primitives::{B256, Bytes};
use ledger::contracts::consents::IConsents;
use ledger::contracts::records::IRecords;
use ledger::contracts::{Consents, Records};
use ledger::event_index::{self as index, Event, Kind, Standing};
use ledger::log::{Entry, MemoryLog, Origin, entry_digest};
use ledger::testing::key;
use ledger::{Anchor, Call, ERASED, Error, Finality, Log, Status};

use super::life::{Net, WAIT, address, word};

/// Every act once, by signatures made here and taken by the contracts; what the chain then says;
/// what the index says; and that acts that must fail do, by name.
pub(crate) async fn whole_life(net: &Net) {
    admissions(net).await;
    statements(net).await;
    records(net).await;
    consents(net).await;
    anchors(net).await;
    indexed(net).await;
}

/// Institutions and staff.
async fn admissions(net: &Net) {
    let (hospital, doctor) = (address(&net.hospital), address(&net.doctor));
    assert_eq!(
        net.chain.registrar().await.unwrap(),
        address(&net.registrar)
    );
    assert_eq!(
        net.chain.institution(hospital).await.unwrap().status,
        Status::Unknown
    );
    let forged = net.set_institution(Status::Active, 0, &net.hospital);
    assert_eq!(
        net.refused("forged admission", forged).await,
        "BadSignature"
    );
    net.send(
        "admit",
        net.set_institution(Status::Active, 0, &net.registrar),
    )
    .await;
    let again = net.set_institution(Status::Active, 0, &net.registrar);
    assert_eq!(
        net.relayer
            .submit("admit", again)
            .await
            .unwrap()
            .inclusion()
            .unwrap()
            .refusal,
        None,
        "one key, one act"
    );
    assert!(net.chain.is_active_institution(hospital).await.unwrap());

    net.send("doctor", net.admit_staff(&net.doctor, Role::Doctor, 0))
        .await;
    let staff = net.chain.staff(doctor).await.unwrap();
    assert_eq!(
        (staff.institution, staff.role, staff.nonce),
        (hospital, Some(Role::Doctor), 1)
    );

    let act = Act::SetStaff {
        staff: doctor,
        institution: hospital,
        role: Role::Auditor.number(),
        status: Status::Active.number(),
        nonce: 1,
        deadline: net.far,
    };
    net.send("role", net.signed(act, &[&net.hospital])).await;
    assert_eq!(
        net.chain.staff(doctor).await.unwrap().role,
        Some(Role::Auditor)
    );
}

/// A key statement and a patient.
async fn statements(net: &Net) {
    let (hospital, doctor) = (address(&net.hospital), address(&net.doctor));
    let act = Act::PublishKey {
        wallet: doctor,
        digest: word("key"),
        version: 1,
        deadline: net.far,
    };
    net.send("key", net.signed(act, &[&net.doctor])).await;
    assert_eq!(
        net.chain.key_statement(doctor).await.unwrap().digest,
        word("key")
    );

    let act = Act::EnrolPatient {
        institution: hospital,
        patient: word("patient"),
        deadline: net.far,
    };
    net.send("enrol", net.signed(act, &[&net.hospital])).await;
    assert!(net.chain.enrolled(hospital, word("patient")).await.unwrap());
}

async fn records(net: &Net) {
    let (one, two, three) = (
        key("controller 1"),
        key("controller 2"),
        key("controller 3"),
    );
    net.send("commit", net.commit(&one, 1, B256::ZERO, word("v1")))
        .await;
    net.send("correct", net.commit(&one, 2, word("v1"), word("v2")))
        .await;
    assert_eq!(
        net.chain.current_commitment(address(&one)).await.unwrap(),
        word("v2")
    );
    assert_eq!(net.chain.version(address(&one)).await.unwrap(), 2);
    let stale = net.commit(&one, 3, word("v1"), word("v3"));
    assert_eq!(net.refused("stale", stale).await, "StalePrevious");

    // A batch with one item that cannot be applied: told in the receipt, the other stands.
    let commits = [
        commit_act(net, &two, 1, B256::ZERO, word("batched")),
        commit_act(net, &one, 9, word("v2"), word("v3")),
        commit_act(net, &three, 1, B256::ZERO, word("also batched")),
    ];
    let at = acts::Deployment::from(net.at());
    let statements = commits.each_ref().map(statement_of);
    let items = commits
        .into_iter()
        .zip(&statements)
        .zip([&two, &one, &three])
        .map(|((act, statement), controller)| IRecords::SignedCommit {
            act,
            controllerSignature: signature(controller, at.digest(statement)),
        })
        .collect();
    let batch = CommitBatch {
        commits: statements.to_vec(),
    };
    let call = Records::commitBatchCall {
        institution: address(&net.hospital),
        items,
        institutionSignature: signature(&net.hospital, at.digest(&batch)),
    };
    let inclusion = net.send("batch", Call::new(net.at().records, &call)).await;
    assert_eq!(inclusion.skipped.len(), 1);
    assert_eq!(inclusion.skipped[0].index, 1);
    assert_eq!(inclusion.skipped[0].controller, address(&one));
    assert_eq!(inclusion.skipped[0].reason.error, "BadVersion");
    assert_eq!(
        net.chain.current_commitment(address(&three)).await.unwrap(),
        word("also batched")
    );

    let act = Act::Erase {
        controller: address(&two),
        deadline: net.far,
    };
    net.send("erase", net.signed(act, &[&two])).await;
    assert_eq!(
        net.chain.current_commitment(address(&two)).await.unwrap(),
        ERASED
    );
}

async fn consents(net: &Net) {
    let controller = key("controller 1");
    let account = address(&controller);
    let act = Act::Request {
        id: word("request"),
        requester: address(&net.doctor),
        deadline: net.far,
    };
    net.send("request", net.signed(act, &[&net.doctor])).await;

    net.send("grant", net.grant(&controller, word("grant")))
        .await;
    let state = net.chain.grant_of(account, word("grant")).await.unwrap();
    assert!(state.is_live_at(net.far) && !state.revoked);
    assert!(net.chain.is_live(account, word("grant")).await.unwrap());

    let revoke = Act::Revoke {
        controller: account,
        id: word("grant"),
    };
    net.send("revoke", net.signed(revoke, &[&controller])).await;
    assert!(!net.chain.is_live(account, word("grant")).await.unwrap());
    assert!(
        net.chain
            .grant_of(account, word("grant"))
            .await
            .unwrap()
            .revoked
    );
    let grant_again = net.grant(&controller, word("grant"));
    assert_eq!(net.refused("grant again", grant_again).await, "AlreadyUsed");

    let at = acts::Deployment::from(net.at());
    let expiry = net.far;
    let ids = ["g0", "g1", "g2"].map(word);
    let items = ids.map(|id| {
        let digest = at.digest(&Grant {
            controller: account,
            id,
            expiry,
        });
        IConsents::SignedGrant {
            act: IConsents::Grant {
                controller: account,
                id,
                expiry,
            },
            controllerSignature: signature(&controller, digest),
        }
    });
    let call = Consents::grantBatchCall {
        items: items.to_vec(),
    };
    let call = Call::new(net.at().consents, &call);
    assert!(net.send("grants", call).await.skipped.is_empty());
    let items = ids[..2].iter().map(|id| {
        let digest = at.digest(&Revoke {
            controller: account,
            id: *id,
        });
        IConsents::SignedRevoke {
            act: IConsents::Revoke {
                controller: account,
                id: *id,
            },
            controllerSignature: signature(&controller, digest),
        }
    });
    let items = items.collect();
    let call = Call::new(net.at().consents, &Consents::revokeBatchCall { items });
    net.send("revocations", call).await;
    assert!(!net.chain.is_live(account, word("g1")).await.unwrap());
    assert!(net.chain.is_live(account, word("g2")).await.unwrap());
}

async fn anchors(net: &Net) {
    let origin = Origin {
        chain_id: net.at().chain_id,
        contract: net.at().log,
        institution: address(&net.hospital),
    };
    let log = Arc::new(
        Log::open(Arc::new(MemoryLog::default()), origin)
            .await
            .unwrap(),
    );
    let signer = Arc::new(net.hospital.clone());
    let anchor = Anchor::new(log.clone(), net.chain.clone(), net.relayer.clone(), signer);
    let (empty, none) = anchor.anchor_and_wait(WAIT).await.unwrap();
    assert_eq!((empty.size, none), (0, None), "nothing to anchor yet");

    let mut checkpoints = Vec::new();
    for round in 0..2u8 {
        for n in 0..3u8 {
            let digest = entry_digest(&[round; 32], &[n]);
            log.append(Entry {
                digest,
                payload: Bytes::new(),
            })
            .await
            .unwrap();
        }
        let (checkpoint, inclusion) = anchor.anchor_and_wait(WAIT).await.unwrap();
        assert!(inclusion.is_some());
        let on_chain = net.chain.checkpoint_of(origin.institution).await.unwrap();
        assert_eq!(on_chain.size, checkpoint.size);
        assert!(on_chain.has_root(&checkpoint.root));
        checkpoints.push(checkpoint);
    }
    let proof = anchor
        .between(&checkpoints[0], &checkpoints[1])
        .await
        .unwrap();
    proof
        .verify(&checkpoints[0].root, &checkpoints[1].root)
        .unwrap();
    let (same, none) = anchor.anchor_and_wait(WAIT).await.unwrap();
    assert_eq!((&same, none), (&checkpoints[1], None), "nothing new");

    // Entry 1 is proven by the first checkpoint, which is on chain.
    let digest = entry_digest(&[0; 32], &[1]);
    let proof = log.prove(1).await.unwrap().unwrap();
    assert_eq!(proof.checkpoint, checkpoints[0]);
    proof.verify(&digest).unwrap();

    // A log that lost entries is not anchored, and says so.
    let short = Arc::new(
        Log::open(Arc::new(MemoryLog::default()), origin)
            .await
            .unwrap(),
    );
    let signer = Arc::new(net.hospital.clone());
    let lost = Anchor::new(short, net.chain.clone(), net.relayer.clone(), signer);
    let error = lost.anchor().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::LogBehindChain {
                size: 0,
                anchored: 6
            }
        ),
        "{error}"
    );
}

async fn indexed(net: &Net) {
    let indexer = net.indexer(index::Settings {
        finality: Finality::Depth { blocks: 2 },
        ..index::Settings::default()
    });
    let change = indexer.catch_up().await.unwrap();
    let counts = |kind| {
        change
            .events
            .iter()
            .filter(|e| e.event.kind() == kind)
            .count()
    };
    assert_eq!(counts(Kind::Institution), 1);
    assert_eq!(counts(Kind::Staff), 2);
    assert_eq!(counts(Kind::Key), 1);
    assert_eq!(counts(Kind::Patient), 1);
    assert_eq!(counts(Kind::Record), 5);
    assert_eq!(counts(Kind::Skipped), 1);
    assert_eq!(counts(Kind::Request), 1);
    assert_eq!(counts(Kind::Grant), 7);
    assert_eq!(counts(Kind::Checkpoint), 2);
    let store = indexer.store();
    let history = store
        .events_of(Kind::Record, address(&key("controller 1")))
        .await
        .unwrap();
    let versions: Vec<u64> = history
        .iter()
        .filter_map(|e| match e.event {
            Event::Committed { version, .. } => Some(version),
            _ => None,
        })
        .collect();
    assert_eq!(versions, [1, 2]);

    let progress = store.progress().await.unwrap().unwrap();
    assert_eq!(progress.standing(&history[0]), Standing::Final);
    let last = change.events.last().unwrap();
    if last.block + 1 >= progress.tip.number {
        assert_eq!(progress.standing(last), Standing::Included);
    }

    // Built again from the first block, one block at a time or by ranges, it is the same.
    let before = store.events_after(None, usize::MAX).await.unwrap();
    indexer.rebuild().await.unwrap();
    assert_eq!(store.events_after(None, usize::MAX).await.unwrap(), before);
    let ranged = net.indexer(index::Settings {
        careful: 2,
        range: 7,
        ..Default::default()
    });
    ranged.catch_up().await.unwrap();
    assert_eq!(
        ranged.store().events_after(None, usize::MAX).await.unwrap(),
        before
    );
    let page = store
        .events_after(Some((before[3].block, before[3].log_index)), 2)
        .await
        .unwrap();
    assert_eq!(page, before[4..6]);
}

/// One commit of a batch.
fn commit_act(
    net: &Net,
    controller: &WalletKey,
    version: u64,
    before: B256,
    to: B256,
) -> IRecords::Commit {
    IRecords::Commit {
        controller: address(controller),
        version,
        previous: before,
        commitment: to,
        institution: address(&net.hospital),
        deadline: net.far,
    }
}

/// What the controller of one commit in a batch signs.
fn statement_of(commit: &IRecords::Commit) -> Commit {
    let IRecords::Commit {
        controller,
        version,
        previous,
        commitment,
        institution,
        deadline,
    } = *commit;
    Commit {
        controller,
        version,
        previous,
        commitment,
        institution,
        deadline,
    }
}

fn signature(key: &WalletKey, digest: B256) -> Bytes {
    Bytes::copy_from_slice(&key.sign(digest))
}
