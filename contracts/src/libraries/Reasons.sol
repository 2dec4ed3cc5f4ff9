// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Failures as values
/// @notice Batches report why an item was left out; the single forms fail with the same reason. So
/// the shared code returns the selector of an error without arguments, zero for success.
library Reasons {
    /// @dev Reverts with the error that `reason` selects, unless it is zero.
    function check(bytes4 reason) internal pure {
        if (reason == 0) return;
        assembly ("memory-safe") {
            mstore(0, reason)
            revert(0, 4)
        }
    }
}
