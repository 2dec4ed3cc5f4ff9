// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The cheat codes of Forge that these tests use.
interface ICheats {
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function warp(uint256 time) external;
    function chainId(uint256 id) external;
    function prank(address sender) external;
    function etch(address target, bytes calldata code) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes4 selector) external;
    function expectEmit(address emitter) external;
    function load(address target, bytes32 slot) external view returns (bytes32);
    function record() external;
    function accesses(address target)
        external
        returns (bytes32[] memory reads, bytes32[] memory writes);
    function envOr(string calldata name, bool otherwise) external view returns (bool);
    function getCode(string calldata path) external view returns (bytes memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJson(string calldata json, string calldata key)
        external
        pure
        returns (bytes memory);
    function parseJsonString(string calldata json, string calldata key)
        external
        pure
        returns (string memory);
    function parseJsonKeys(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory);
}

/// @notice Assertions and the cheat codes.
abstract contract Checks {
    ICheats internal constant CHEATS = ICheats(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    error NotEqual(string what, bytes32 found, bytes32 wanted);
    error NotTrue(string what);

    function check(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function same(bytes32 found, bytes32 wanted, string memory what) internal pure {
        if (found != wanted) revert NotEqual(what, found, wanted);
    }

    function same(uint256 found, uint256 wanted, string memory what) internal pure {
        same(bytes32(found), bytes32(wanted), what);
    }

    function same(address found, address wanted, string memory what) internal pure {
        same(uint160(found), uint160(wanted), what);
    }

    /// @dev How many different slots of `target` were written since `CHEATS.record()`.
    function slotsWritten(address target) internal returns (uint256 count) {
        (, bytes32[] memory writes) = CHEATS.accesses(target);
        for (uint256 i = 0; i < writes.length; ++i) {
            bool known = false;
            for (uint256 j = 0; j < i; ++j) {
                known = known || writes[j] == writes[i];
            }
            if (!known) ++count;
        }
    }

    /// @dev Brings `value` into [low, high].
    function within(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + (value % (high - low + 1));
    }
}
