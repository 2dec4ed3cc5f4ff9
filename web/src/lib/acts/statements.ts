/** Everything that is signed. Written by contracts/scripts/acts.mjs from contracts/eip712.json. */

type Hex = `0x${string}`;

/** A field's value; numbers as numbers where they are small enough. */
export type FieldValue = string | number | bigint | boolean;

/** Name and version in the EIP-712 domain of every contract. */
export const DOMAIN = { name: "Stele", version: "1" } as const;

/** The domain's own type, for wallets that want to see it. */
export const DOMAIN_TYPE = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
] as const;

/** The contracts, as a deployment names them. */
export const CONTRACTS = ["registry", "records", "consents", "log"] as const;
export type Contract = (typeof CONTRACTS)[number];

/** Staff roles; the Registry counts them from 1 in this order. */
export const ROLES = ["doctor", "technician", "nurse", "pharmacist", "insurer", "researcher", "auditor"] as const;
export type Role = (typeof ROLES)[number];

/** Each statement's contract and typed fields, in the order in which they are hashed. */
export const STATEMENTS = {
  SetInstitution: {
    contract: "registry",
    fields: [
      { name: "institution", type: "address" },
      { name: "status", type: "uint8" },
      { name: "nonce", type: "uint64" },
      { name: "deadline", type: "uint64" },
    ],
  },
  AdmitStaff: {
    contract: "registry",
    fields: [
      { name: "staff", type: "address" },
      { name: "institution", type: "address" },
      { name: "role", type: "uint8" },
      { name: "nonce", type: "uint64" },
      { name: "deadline", type: "uint64" },
    ],
  },
  SetStaff: {
    contract: "registry",
    fields: [
      { name: "staff", type: "address" },
      { name: "institution", type: "address" },
      { name: "role", type: "uint8" },
      { name: "status", type: "uint8" },
      { name: "nonce", type: "uint64" },
      { name: "deadline", type: "uint64" },
    ],
  },
  PublishKey: {
    contract: "registry",
    fields: [
      { name: "wallet", type: "address" },
      { name: "digest", type: "bytes32" },
      { name: "version", type: "uint64" },
      { name: "deadline", type: "uint64" },
    ],
  },
  EnrolPatient: {
    contract: "registry",
    fields: [
      { name: "institution", type: "address" },
      { name: "patient", type: "bytes32" },
      { name: "deadline", type: "uint64" },
    ],
  },
  Commit: {
    contract: "records",
    fields: [
      { name: "controller", type: "address" },
      { name: "version", type: "uint64" },
      { name: "previous", type: "bytes32" },
      { name: "commitment", type: "bytes32" },
      { name: "institution", type: "address" },
      { name: "deadline", type: "uint64" },
    ],
  },
  Erase: {
    contract: "records",
    fields: [
      { name: "controller", type: "address" },
      { name: "deadline", type: "uint64" },
    ],
  },
  Request: {
    contract: "consents",
    fields: [
      { name: "id", type: "bytes32" },
      { name: "requester", type: "address" },
      { name: "deadline", type: "uint64" },
    ],
  },
  Grant: {
    contract: "consents",
    fields: [
      { name: "controller", type: "address" },
      { name: "id", type: "bytes32" },
      { name: "expiry", type: "uint64" },
    ],
  },
  Revoke: {
    contract: "consents",
    fields: [
      { name: "controller", type: "address" },
      { name: "id", type: "bytes32" },
    ],
  },
  Checkpoint: {
    contract: "log",
    fields: [
      { name: "institution", type: "address" },
      { name: "size", type: "uint64" },
      { name: "root", type: "bytes32" },
    ],
  },
  AuthorStatement: {
    contract: "records",
    fields: [
      { name: "root", type: "bytes32" },
      { name: "previous", type: "bytes32" },
      { name: "patient", type: "bytes32" },
      { name: "author", type: "address" },
      { name: "institution", type: "address" },
      { name: "version", type: "uint64" },
      { name: "createdAt", type: "uint64" },
    ],
  },
  KeyStatement: {
    contract: "registry",
    fields: [
      { name: "wallet", type: "address" },
      { name: "sealingPublic", type: "bytes" },
      { name: "issuedAt", type: "uint64" },
    ],
  },
  IndexStatement: {
    contract: "records",
    fields: [
      { name: "owner", type: "address" },
      { name: "version", type: "uint64" },
      { name: "previous", type: "bytes32" },
      { name: "merged", type: "bytes32" },
      { name: "digest", type: "bytes32" },
    ],
  },
} as const;
/** The name of a statement. */
export type StatementKind = keyof typeof STATEMENTS;

/** What each statement says. */
export interface StatementFields {
  /** Admit, suspend or reinstate an institution. */
  readonly SetInstitution: {
    readonly institution: Hex;
    readonly status: number | bigint;
    readonly nonce: number | bigint;
    readonly deadline: number | bigint;
  };
  /** Admit a person to an institution. */
  readonly AdmitStaff: {
    readonly staff: Hex;
    readonly institution: Hex;
    readonly role: number | bigint;
    readonly nonce: number | bigint;
    readonly deadline: number | bigint;
  };
  /** Change a person's role or status. */
  readonly SetStaff: {
    readonly staff: Hex;
    readonly institution: Hex;
    readonly role: number | bigint;
    readonly status: number | bigint;
    readonly nonce: number | bigint;
    readonly deadline: number | bigint;
  };
  /** Anchor the salted digest of a key statement. */
  readonly PublishKey: {
    readonly wallet: Hex;
    readonly digest: Hex;
    readonly version: number | bigint;
    readonly deadline: number | bigint;
  };
  /** Enrol a patient. */
  readonly EnrolPatient: {
    readonly institution: Hex;
    readonly patient: Hex;
    readonly deadline: number | bigint;
  };
  /** Commit a record version. */
  readonly Commit: {
    readonly controller: Hex;
    readonly version: number | bigint;
    readonly previous: Hex;
    readonly commitment: Hex;
    readonly institution: Hex;
    readonly deadline: number | bigint;
  };
  /** Erase a record. */
  readonly Erase: {
    readonly controller: Hex;
    readonly deadline: number | bigint;
  };
  /** Announce a request. */
  readonly Request: {
    readonly id: Hex;
    readonly requester: Hex;
    readonly deadline: number | bigint;
  };
  /** Grant. */
  readonly Grant: {
    readonly controller: Hex;
    readonly id: Hex;
    readonly expiry: number | bigint;
  };
  /** Revoke a grant. */
  readonly Revoke: {
    readonly controller: Hex;
    readonly id: Hex;
  };
  /** Anchor a checkpoint of the log. */
  readonly Checkpoint: {
    readonly institution: Hex;
    readonly size: number | bigint;
    readonly root: Hex;
  };
  /** What the author of a record version signs. */
  readonly AuthorStatement: {
    readonly root: Hex;
    readonly previous: Hex;
    readonly patient: Hex;
    readonly author: Hex;
    readonly institution: Hex;
    readonly version: number | bigint;
    readonly createdAt: number | bigint;
  };
  /** Binds a public sealing key to a wallet. */
  readonly KeyStatement: {
    readonly wallet: Hex;
    readonly sealingPublic: Hex;
    readonly issuedAt: number | bigint;
  };
  /** What a patient signs about a sealed version of the patient's index. */
  readonly IndexStatement: {
    readonly owner: Hex;
    readonly version: number | bigint;
    readonly previous: Hex;
    readonly merged: Hex;
    readonly digest: Hex;
  };
}

/** What a person is told before signing; the key of the sentence in other languages. */
export const SENTENCES: Readonly<Record<StatementKind, string>> = {
  SetInstitution: "You admit or suspend a hospital.",
  AdmitStaff: "You join, or take somebody into, a hospital's staff.",
  SetStaff: "You change what somebody of your staff may do.",
  PublishKey: "You write a fingerprint of your sealing key on chain, so that nobody can exchange it.",
  EnrolPatient: "You enrol a patient.",
  Commit: "You take a report into your record.",
  Erase: "You erase a record for good.",
  Request: "You ask a patient for access.",
  Grant: "You let somebody open parts of a record until a day.",
  Revoke: "You take access back.",
  Checkpoint: "You seal the log of this hospital on chain.",
  AuthorStatement: "You sign a report as its author.",
  KeyStatement: "You state which key others use to seal something for you.",
  IndexStatement: "You sign the new list of your records.",
};
