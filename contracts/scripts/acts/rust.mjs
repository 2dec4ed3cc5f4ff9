// crates/acts/src/generated.rs: contracts, roles, statements, and the acts with what a carrier must know.
import { capital, snake } from "./spec.mjs";

const RUST = { address: "Address", bytes: "Bytes", bytes32: "B256", string: "String", bool: "bool" };
const typeOf = (type) => RUST[type] ?? type.replace(/^uint/, "u");

const names = (fields) => fields.map(({ name }) => snake(name) === name ? name : `${name}: ${snake(name)}`).join(", ");
const bound = (fields) => fields.map(({ name }) => snake(name)).join(", ");
const lines = (items, form) => items.map(form).join("\n");

function contracts(all) {
  const known = all.map((name) => ({ name, field: name.toLowerCase() }));
  return `/// The contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contract {
${lines(known, ({ name }) => `    /// \`${name}\`.\n    ${name},`)}
}

/// Addresses of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contracts {
${lines(known, ({ name, field }) => `    /// \`${name}\`.\n    pub ${field}: Address,`)}
}

impl Contracts {
    /// Where a contract stands.
    #[must_use]
    pub fn of(&self, contract: Contract) -> Address {
        match contract {
${lines(known, ({ name, field }) => `            Contract::${name} => self.${field},`)}
        }
    }
}

impl Deployment {
${known.map(({ name, field }) => `    /// The signing domain of \`${name}\`.
    #[must_use]
    pub fn ${field}(&self) -> Domain {
        self.domain(Contract::${name})
    }`).join("\n\n")}
}
`;
}

function roles(all) {
  return `/// A staff role, with the number that the Registry gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Role {
${all.map(({ name, about }, index) => `    /// ${about}\n    ${capital(name)} = ${index + 1},`).join("\n")}
}

impl Role {
    /// Every role, by number.
    pub const ALL: [Self; ${all.length}] = [
${lines(all, ({ name }) => `        Self::${capital(name)},`)}
    ];

    /// The role's name, as documents write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
${lines(all, ({ name }) => `            Self::${capital(name)} => "${name}",`)}
        }
    }
}
`;
}

function structs(statements, acts) {
  const struct = ({ name, about, fields }) => `        /// ${about}
        #[sol(all_derives)]
        struct ${name} {
${lines(fields, (field) => `            ${field.type} ${field.name};`)}
        }`;
  const call = ({ name, call, signers }) =>
    `        function ${call}(${[`${name} act`, ...signers.map((who) => `bytes ${who}Signature`)].join(", ")});`;
  return `pub use types::{
${lines(statements, ({ name }) => `    ${name},`)}
};

#[allow(missing_docs, reason = "the fields are those of contracts/eip712.json")]
mod types {
    alloy_sol_types::sol! {
${statements.map(struct).join("\n\n")}

${lines(acts, call)}
    }
}
`;
}

const statement = ({ name, contract }) => `impl Statement for ${name} {
    const CONTRACT: Contract = Contract::${contract};
}`;

const thousands = (number) => number.toLocaleString("en-US").replaceAll(",", "_");

function chainAct({ name, contract, signers, call, deadline, gas, lane }) {
  const signatory = (who) => (who === "registrar" ? "Signatory::Registrar" : `Signatory::Account(self.${who})`);
  const named = signers.map((who) => `${who}Signature`);
  return `impl ChainAct for ${name} {
    const KIND: Kind = Kind {
        name: "${snake(name)}",
        statement: "${name}",
        contract: Contract::${contract},
        selector: types::${call}Call::SELECTOR,
        signatures: ${signers.length},
        gas_ceiling: ${thousands(gas)},
        lane: Lane::${capital(lane)},
    };

    fn deadline(&self) -> Option<u64> {
        ${deadline ? `Some(self.${deadline})` : "None"}
    }

    fn signers(&self) -> Vec<Signatory> {
        vec![${signers.map(signatory).join(", ")}]
    }

    fn calldata(self, signatures: &[Bytes]) -> Bytes {
        let [${signers.map(snake).join(", ")}] = in_order(signatures);
        let call = types::${call}Call {
            act: self,
${signers.map((who, index) => `            ${named[index]}: ${snake(who)},`).join("\n")}
        };
        call.abi_encode().into()
    }
}`;
}

function act(acts) {
  const variant = ({ name, about, fields }) => `    /// ${about}
    ${name} {
${lines(fields, (field) => `        ${snake(field.name)}: ${typeOf(field.type)},`)}
    },`;
  const arm = ({ name, fields }) => `            Act::${name} { ${bound(fields)} } => {
                let $statement = ${name} { ${names(fields)} };
                $answer
            }`;
  return `/// What is to be known of each kind of act.
pub(crate) const KINDS: [Kind; ${acts.length}] = [
${lines(acts, ({ name }) => `    ${name}::KIND,`)}
];

/// An act without its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of contracts/eip712.json")]
pub enum Act {
${lines(acts, variant)}
}

/// Makes the statement of an act and asks it what every kind of act can answer.
macro_rules! ask {
    ($act:expr, $statement:ident => $answer:expr) => {
        match $act.clone() {
${lines(acts, arm)}
        }
    };
}

impl Act {
    /// The digest that each signer signs; also the act's id.
    #[must_use]
    pub fn digest(&self, at: &Deployment) -> B256 {
        ask!(self, statement => at.digest(&statement))
    }

    /// The call that carries it, with the signatures in the order of its signers. A signature that
    /// is not there is sent empty: the contract refuses it by name.
    #[must_use]
    pub fn call(&self, at: &Deployment, signatures: &[Bytes]) -> Call {
        ask!(self, statement => at.call(statement, signatures))
    }

    /// What is to be known of all acts of its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        ask!(self, statement => statement.kind())
    }

    /// Who signs it, in the order in which the contract takes the signatures.
    #[must_use]
    pub fn signers(&self) -> Vec<Signatory> {
        ask!(self, statement => statement.signers())
    }

    /// The last second at which the contract takes it, if there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        ask!(self, statement => statement.deadline())
    }
}
`;
}

export function rust({ domain, contracts: all, roles: staff, statements, acts }) {
  return `//! Contracts, roles, statements and acts. Written by contracts/scripts/acts.mjs from
//! contracts/eip712.json; not to be edited.

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall as _;
use serde::{Deserialize, Serialize};

use crate::domain::{Deployment, Domain};
use crate::statement::{Call, ChainAct, Kind, Lane, Signatory, Statement, in_order};

/// Name in the EIP-712 domain of all contracts.
pub(crate) const DOMAIN_NAME: &str = "${domain.name}";
/// Version in the EIP-712 domain of all contracts.
pub(crate) const DOMAIN_VERSION: &str = "${domain.version}";

${contracts(all)}
${roles(staff)}
${structs(statements, acts)}
${statements.map(statement).join("\n\n")}

${acts.map(chainAct).join("\n\n")}

${act(acts)}`;
}
