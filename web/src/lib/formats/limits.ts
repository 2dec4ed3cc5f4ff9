/** The limits that every parser keeps: those of `crates/record/src/limits.rs`. */

export const MANIFEST_BYTES = 256 * 1024;
export const PARTS = 256;
export const PART_NAME_BYTES = 64;
export const MEDIA_TYPE_BYTES = 127;
export const SIGNATURE_BYTES = 4096;
export const DISCLOSURE_BYTES = 512 * 1024;
export const PART_KEYS_BYTES = 32 * 1024;
export const DOCUMENT_BYTES = 32 * 1024;
export const REASON_BYTES = 2000;
export const KEY_STATEMENT_BYTES = 8 * 1024;
export const SEALING_KEY_BYTES = 2048;
export const INDEX_BYTES = 16 * 1024 * 1024;
export const INDEX_RECORDS = 20_000;
export const VERSIONS = 1000;
export const INDEX_GRANTS = 20_000;
export const INDEX_ENROLMENTS = 1000;
export const INDEX_TRUSTED = 100;
export const RELATION_BYTES = 32;
export const LABEL_BYTES = 256;
export const PROOF_BYTES = 4 * 1024 * 1024;
export const PROOF_LOG_ENTRIES = 1000;
export const PROOF_TRANSACTIONS = 1000;
export const LOG_ENTRY_BYTES = 64 * 1024;
export const PATH_HASHES = 64;
/** The plaintext of an envelope. */
export const ENVELOPE_BYTES = 1024 * 1024;
/** A note of the log. */
export const NOTE_BYTES = 128 * 1024;
