// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { SignatureChecker } from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Whether a signer signed a digest, as a key (ECDSA) or as a contract (ERC-1271)
/// @notice The key is tried first and the contract only if that fails. OpenZeppelin's
/// `isValidSignatureNow` looks for code first, which costs a cold account read (2600 gas) for each
/// key and refuses the key of an account that has delegated its code (EIP-7702) to a contract
/// without ERC-1271. The key of such an account keeps full power over it, so its signature counts.
library Signatures {
    function isValid(address signer, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        (address recovered, ECDSA.RecoverError failure,) =
            ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }
}
