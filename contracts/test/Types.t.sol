// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { Fixture } from "./support/Fixture.sol";

/// @notice eip712.json, from which the type hashes and what other languages sign are written
/// (scripts/acts.mjs), says what the contracts do.
contract TypesTest is Fixture {
    /// @dev A field as `parseJson` returns it: its members in alphabetical order.
    struct Field {
        string name;
        string kind;
    }

    string private _json;

    function setUp() public override {
        super.setUp();
        _json = CHEATS.readFile("eip712.json");
    }

    function test_type_strings_follow_from_their_fields() public view {
        string[] memory names = CHEATS.parseJsonKeys(_json, ".types");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory wanted = encodeType(names[i], string.concat(".types.", names[i]));
            if (keccak256(bytes(names[i])) == keccak256("CommitBatch")) {
                wanted = string.concat(wanted, typeString("Commit"));
            }
            same(keccak256(bytes(typeString(names[i]))), keccak256(bytes(wanted)), names[i]);
        }
    }

    function test_domain_is_that_of_every_contract() public view {
        same(
            keccak256(bytes(encodeType("EIP712Domain", ".domain"))),
            keccak256(bytes(CHEATS.parseJsonString(_json, ".domain.type"))),
            "domain type"
        );
        checkDomain(registry);
        checkDomain(records);
        checkDomain(consents);
        checkDomain(log);
    }

    function checkDomain(EIP712 target) private view {
        (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        ) = target.eip712Domain();
        same(bytes32(fields), bytes32(bytes1(0x0f)), "name, version, chain and contract");
        string memory wanted = CHEATS.parseJsonString(_json, ".domain.name");
        same(keccak256(bytes(name)), keccak256(bytes(wanted)), "name");
        wanted = CHEATS.parseJsonString(_json, ".domain.version");
        same(keccak256(bytes(version)), keccak256(bytes(wanted)), "version");
        same(chainId, block.chainid, "chain");
        same(verifyingContract, address(target), "contract");
        same(salt, 0, "no salt");
        same(extensions.length, 0, "no extensions");
    }

    function typeString(string memory name) private view returns (string memory) {
        return CHEATS.parseJsonString(_json, string.concat(".types.", name, ".type"));
    }

    function encodeType(string memory name, string memory path)
        private
        view
        returns (string memory text)
    {
        bytes memory parsed = CHEATS.parseJson(_json, string.concat(path, ".fields"));
        Field[] memory fields = abi.decode(parsed, (Field[]));
        text = string.concat(name, "(");
        for (uint256 i = 0; i < fields.length; ++i) {
            string memory comma = i == 0 ? "" : ",";
            text = string.concat(text, comma, fields[i].kind, " ", fields[i].name);
        }
        return string.concat(text, ")");
    }
}
