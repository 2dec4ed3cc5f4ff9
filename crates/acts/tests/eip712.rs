//! Every act of contracts/eip712.json, by the file and the ABI alone: nothing here lists acts, so a
//! new one is tested as soon as it stands in the file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use acts::{
    Act, AuthorStatement, CommitBatch, Contract, Contracts, Deployment, IndexStatement,
    KeyStatement, Kind, Lane, Role, Signatory,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolStruct;
use serde_json::{Map, Value, json};

const AT: Deployment = Deployment {
    chain_id: 31337,
    contracts: Contracts {
        registry: Address::repeat_byte(0xa1),
        records: Address::repeat_byte(0xa2),
        consents: Address::repeat_byte(0xa3),
        log: Address::repeat_byte(0xa4),
    },
};

fn file() -> Value {
    serde_json::from_str(include_str!("../../../contracts/eip712.json")).unwrap()
}

fn abi(contract: &str) -> Value {
    let path = format!(
        "{}/../../contracts/abi/{contract}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn address_of(contract: &str) -> Address {
    match contract {
        "Registry" => AT.contracts.registry,
        "Records" => AT.contracts.records,
        "Consents" => AT.contracts.consents,
        "Log" => AT.contracts.log,
        other => panic!("{other} stands in eip712.json and not in this test"),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} of {value}"))
}

fn fields(line: &Value) -> impl Iterator<Item = (u8, &str, &str)> {
    let fields = line["fields"].as_array().unwrap();
    (1..)
        .zip(fields)
        .map(|(n, field)| (n, text(field, "name"), text(field, "type")))
}

/// An act of each kind, made from its JSON, with its line of the file.
fn samples(file: &Value) -> Vec<(&str, &Value, Act)> {
    let types = file["types"].as_object().unwrap();
    let acts = types.iter().filter(|(_, line)| line.get("call").is_some());
    acts.map(|(name, line)| {
        let mut object = Map::new();
        object.insert("act".into(), snake(name).into());
        for (n, field, kind) in fields(line) {
            object.insert(field.into(), sample(n, kind).0);
        }
        let object = Value::Object(object);
        let act: Act = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(&act).unwrap(),
            object,
            "{name} is written as it is read"
        );
        (name.as_str(), line, act)
    })
    .collect()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (place, letter) in name.char_indices() {
        if place > 0 && letter.is_uppercase() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// A value for field number `n`, and the 32 bytes that stand for it in the struct's hash.
fn sample(n: u8, kind: &str) -> (Value, B256) {
    match kind {
        "address" => {
            let address = Address::repeat_byte(n);
            (json!(address), address.into_word())
        }
        "bytes32" => {
            let word = B256::repeat_byte(n);
            (json!(word), word)
        }
        "bytes" => {
            let bytes = Bytes::from(vec![n; 40]);
            (json!(bytes), keccak256(bytes))
        }
        "string" => {
            let text = "x".repeat(n.into());
            (json!(text), keccak256(text))
        }
        "bool" => (json!(true), B256::with_last_byte(1)),
        _ => (json!(n), B256::with_last_byte(n)),
    }
}

fn words(line: &Value) -> Vec<u8> {
    fields(line)
        .flat_map(|(n, _, kind)| sample(n, kind).1.0)
        .collect()
}

/// Whether the ABI encodes the struct in place: one word for each field, as in its hash.
fn in_place(line: &Value) -> bool {
    fields(line).all(|(_, _, kind)| !matches!(kind, "bytes" | "string"))
}

#[test]
fn digests_are_those_of_the_file() {
    let file = file();
    let domain = &file["domain"];
    for (name, line, act) in samples(&file) {
        let separator = keccak256(
            [
                keccak256(text(domain, "type")),
                keccak256(text(domain, "name")),
                keccak256(text(domain, "version")),
                B256::from(U256::from(AT.chain_id)),
                address_of(text(line, "contract")).into_word(),
            ]
            .concat(),
        );
        let hash = keccak256([keccak256(text(line, "type")).to_vec(), words(line)].concat());
        let digest = keccak256([&[0x19, 0x01], separator.as_slice(), hash.as_slice()].concat());
        assert_eq!(act.digest(&AT), digest, "{name}");
    }
}

#[test]
fn calls_are_those_of_the_abi() {
    let file = file();
    for (name, line, act) in samples(&file) {
        let (contract, function) = (text(line, "contract"), text(line, "call"));
        let abi = abi(contract);
        let functions = abi["abi"].as_array().unwrap().iter();
        let found = functions
            .filter(|item| item["type"] == "function" && item["name"] == function)
            .collect::<Vec<_>>();
        let [entry] = found[..] else {
            panic!(
                "{name}: {contract} has {} functions {function}",
                found.len()
            )
        };
        let inputs = entry["inputs"].as_array().unwrap();
        let tuple = fields(line)
            .map(|(_, _, kind)| kind)
            .collect::<Vec<_>>()
            .join(",");
        let types = inputs.iter().map(|input| match text(input, "type") {
            "tuple" => format!("({tuple})"),
            other => other.to_owned(),
        });
        let signature = format!("{function}({})", types.collect::<Vec<_>>().join(","));

        let signers = act.signers().len();
        assert_eq!(
            inputs.len(),
            1 + signers,
            "{name}: the act, then a signature for each signer"
        );
        let signatures: Vec<_> = (0..signers)
            .map(|n| Bytes::from(vec![0xf0 + n as u8; 65]))
            .collect();
        let call = act.call(&AT, &signatures);
        assert_eq!(call.to, address_of(contract), "{name}");
        assert_eq!(call.to, AT.contracts.of(act.kind().contract), "{name}");
        assert_eq!(Kind::of_call(&call.data), Some(act.kind()), "{name}");
        assert_eq!(
            call.data[..4],
            keccak256(&signature)[..4],
            "{name}: {signature}"
        );
        if in_place(line) {
            let head = words(line);
            assert_eq!(
                call.data[4..4 + head.len()],
                head,
                "{name}: the act comes first"
            );
        }
        let tails: Vec<_> = signatures
            .iter()
            .map(|one| place_of(&call.data, one))
            .collect();
        assert!(
            tails.is_sorted(),
            "{name}: signatures in the order of signers"
        );
        // Absent signatures are sent empty.
        assert!(act.call(&AT, &[]).data.len() < call.data.len(), "{name}");
    }
}

#[test]
fn calls_of_others_are_of_no_kind() {
    for data in [&b""[..], b"abc", &[0xff; 100]] {
        assert_eq!(Kind::of_call(data), None);
    }
}

fn place_of(data: &[u8], part: &[u8]) -> usize {
    let found = data.windows(part.len()).position(|window| window == part);
    found.unwrap_or_else(|| panic!("{} is not in the call", hex::encode(part)))
}

#[test]
fn acts_say_what_the_file_says() {
    let file = file();
    for (name, line, act) in samples(&file) {
        let number = |wanted: &str| {
            fields(line)
                .find(|(_, field, _)| *field == wanted)
                .unwrap()
                .0
        };
        assert_eq!(act.name(), snake(name));
        assert_eq!(act.kind().statement, name);
        assert_eq!(act.kind().signatures, act.signers().len(), "{name}");
        assert_eq!(json!(act.kind().lane), line["lane"], "{name}");
        assert_eq!(json!(act.kind().gas_ceiling), line["gas"], "{name}");
        let deadline = line["deadline"]
            .as_str()
            .map(|field| u64::from(number(field)));
        assert_eq!(act.deadline(), deadline, "{name}");
        let signers: Vec<_> = line["signers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|who| match who.as_str().unwrap() {
                "registrar" => Signatory::Registrar,
                field => Signatory::Account(Address::repeat_byte(number(field))),
            })
            .collect();
        assert_eq!(act.signers(), signers, "{name}");
    }
    assert!(Lane::Urgent < Lane::Normal && Lane::Normal < Lane::Background);
}

#[test]
fn statements_that_stay_off_chain_and_batches_have_the_types_of_the_file() {
    let file = file();
    let check = |name: &str, encoded: String| {
        assert_eq!(encoded, text(&file["types"][name], "type"), "{name}");
    };
    check(
        "AuthorStatement",
        AuthorStatement::eip712_encode_type().into(),
    );
    check("KeyStatement", KeyStatement::eip712_encode_type().into());
    check(
        "IndexStatement",
        IndexStatement::eip712_encode_type().into(),
    );
    check("CommitBatch", CommitBatch::eip712_encode_type().into());
}

#[test]
fn deployments_are_written_as_nodes_and_proofs_write_them() {
    let wanted = json!({
        "chain_id": 31337,
        "contracts": {
            "registry": Address::repeat_byte(0xa1), "records": Address::repeat_byte(0xa2),
            "consents": Address::repeat_byte(0xa3), "log": Address::repeat_byte(0xa4),
        },
    });
    assert_eq!(serde_json::to_value(AT).unwrap(), wanted);
    assert_eq!(AT.domain(Contract::Consents), AT.consents());
    let mut more = wanted;
    more["contracts"]["more"] = json!(Address::ZERO);
    assert!(serde_json::from_value::<Deployment>(more).is_err());
}

#[test]
fn roles_have_the_numbers_and_names_of_the_file() {
    let file = file();
    let roles = file["roles"].as_array().unwrap();
    assert_eq!(roles.len(), Role::ALL.len());
    for ((number, role), line) in (1..).zip(Role::ALL).zip(roles) {
        assert_eq!(role.number(), number);
        assert_eq!(Role::from_number(number), Some(role));
        assert_eq!(role.name(), text(line, "name"));
        assert_eq!(json!(role), line["name"]);
        assert_eq!(role.to_string().parse::<Role>(), Ok(role));
    }
    assert_eq!(Role::from_number(0), None);
    assert_eq!(Role::from_number(8), None);
    let unknown = "surgeon".parse::<Role>().unwrap_err().to_string();
    assert!(unknown.contains("doctor, technician"), "{unknown}");
}
