/** The contracts' views and events. Written by contracts/scripts/acts.mjs from contracts/abi. */

import { parseAbi, parseAbiItem } from "viem";

/** Registry: what it answers. */
export const registryAbi = parseAbi([
  "function enrolled(address institution, bytes32 patient) view returns (bool)",
  "function institution(address account) view returns (uint8 status, uint64 nonce)",
  "function isActiveInstitution(address account) view returns (bool)",
  "function isActiveStaff(address account) view returns (bool)",
  "function keyStatement(address wallet) view returns (bytes32 digest, uint64 version)",
  "function registrar() view returns (address)",
  "function staff(address account) view returns (address institution_, uint8 role, uint8 status, uint64 nonce)",
]);

/** Registry: what it tells. */
export const registryEvents = {
  InstitutionSet: parseAbiItem("event InstitutionSet(address indexed institution, uint8 status, uint64 nonce)"),
  KeyPublished: parseAbiItem("event KeyPublished(address indexed wallet, bytes32 digest, uint64 version)"),
  PatientEnrolled: parseAbiItem("event PatientEnrolled(address indexed institution, bytes32 indexed patient)"),
  StaffSet: parseAbiItem("event StaffSet(address indexed staff, address indexed institution, uint8 role, uint8 status, uint64 nonce)"),
} as const;

/** Records: what it answers. */
export const recordsAbi = parseAbi([
  "function ERASED() view returns (bytes32)",
  "function current(address controller) view returns (bytes32)",
  "function registry() view returns (address)",
  "function version(address controller) view returns (uint64)",
]);

/** Records: what it tells. */
export const recordsEvents = {
  Committed: parseAbiItem("event Committed(address indexed controller, bytes32 indexed commitment, address indexed institution, uint64 version, bytes32 previous)"),
  Erased: parseAbiItem("event Erased(address indexed controller)"),
  Skipped: parseAbiItem("event Skipped(uint256 indexed index, address indexed controller, bytes4 reason)"),
} as const;

/** Consents: what it answers. */
export const consentsAbi = parseAbi([
  "function grantOf(address controller, bytes32 id) view returns (uint64 expiry, bool revoked)",
  "function isLive(address controller, bytes32 id) view returns (bool)",
  "function registry() view returns (address)",
]);

/** Consents: what it tells. */
export const consentsEvents = {
  Granted: parseAbiItem("event Granted(address indexed controller, bytes32 indexed id, uint64 expiry)"),
  Requested: parseAbiItem("event Requested(bytes32 indexed id, address indexed requester)"),
  Revoked: parseAbiItem("event Revoked(address indexed controller, bytes32 indexed id)"),
  Skipped: parseAbiItem("event Skipped(uint256 indexed index, address indexed controller, bytes4 reason)"),
} as const;

/** Log: what it answers. */
export const logAbi = parseAbi([
  "function isLatest(address institution, uint64 size, bytes32 root) view returns (bool)",
  "function latest(address institution) view returns (uint64 size, bytes26 rootPrefix)",
  "function registry() view returns (address)",
]);

/** Log: what it tells. */
export const logEvents = {
  Anchored: parseAbiItem("event Anchored(address indexed institution, uint64 indexed size, bytes32 root)"),
} as const;
