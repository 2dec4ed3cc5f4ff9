// TypeHashes.sol: the type hash of each statement that a contract checks, laid out as `forge fmt` does.
import { snake } from "./spec.mjs";

const WIDTH = 100;

function constant({ name, type }) {
  const head = `    bytes32 internal constant ${snake(name).toUpperCase()} =`;
  const hash = `keccak256("${type}");`;
  if (`${head} ${hash}`.length <= WIDTH) return `${head} ${hash}`;
  if (8 + hash.length <= WIDTH) return `${head}\n        ${hash}`;
  return `${head} keccak256(\n        "${type}"\n    );`;
}

export function typeHashes({ statements }) {
  const checked = statements.filter(({ sort }) => sort !== "offChain");
  return `// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The EIP-712 type hashes of everything that is signed
/// @notice Written by scripts/acts.mjs from eip712.json, which other languages read as well.
library TypeHashes {
${checked.map(constant).join("\n")}
}
`;
}
