// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Consents } from "../../src/Consents.sol";
import { IConsents } from "../../src/interfaces/IConsents.sol";
import { Actor, Play } from "./Actor.sol";

/// @notice Grants and revokes four ids under three controllers, and keeps a model of each.
contract ConsentsActor is Actor {
    struct Model {
        uint64 expiry;
        bool revoked;
        bool dead;
    }

    mapping(uint256 key => mapping(uint256 id => Model)) private _model;

    /// @notice Asks, as a person who may or may not be active.
    function request(uint256 id, uint256 by) external timed {
        uint256 signer = by % 2 == 0 ? DOCTOR_KEY : STRANGER;
        IConsents.Request memory act = IConsents.Request(bytes32(id), doctor, uint64(clock()));
        bytes memory data = abi.encodeCall(Consents.request, (act, sign(signer, act)));
        (bool ok,) = address(consents).call(data);
        check(ok == (signer == DOCTOR_KEY && isActive(HOSPITAL)), "only active staff asks");
    }

    /// @notice Grants, by the controller or somebody else, for up to four hours.
    function grant(uint256 who, uint256 id, uint256 expiry, uint256 by) external timed {
        IConsents.Grant memory act = grantOf(who, id, expiry);
        uint256 signer = signerOf(who, by);
        bool good = signer == controllerKey(who) && fits(who, id, act.expiry);
        send(address(consents), abi.encodeCall(Consents.grant, (act, sign(signer, act))), good);
        if (good) _model[controllerKey(who)][id % 4].expiry = act.expiry;
    }

    /// @notice Grants one id under every controller; `bad` spoils some.
    function grantMany(uint256 id, uint256 expiry, uint256 bad) external timed {
        IConsents.SignedGrant[] memory items = new IConsents.SignedGrant[](3);
        bool[3] memory good;
        bool any = false;
        for (uint256 i = 0; i < 3; ++i) {
            items[i].act = grantOf(i, id, expiry);
            uint256 signer = (bad >> i) & 1 == 1 ? STRANGER : controllerKey(i);
            items[i].controllerSignature = sign(signer, items[i].act);
            good[i] = signer != STRANGER && fits(i, id, items[i].act.expiry);
            any = any || good[i];
        }
        send(address(consents), abi.encodeCall(Consents.grantBatch, (items)), any);
        for (uint256 i = 0; i < 3; ++i) {
            if (good[i]) _model[controllerKey(i)][id % 4].expiry = items[i].act.expiry;
        }
    }

    /// @notice Revokes, granted or not, by the controller or somebody else.
    function revoke(uint256 who, uint256 id, uint256 by) external timed {
        Model storage model = _model[controllerKey(who)][id % 4];
        IConsents.Revoke memory act = revokeOf(who, id);
        uint256 signer = signerOf(who, by);
        bool good = signer == controllerKey(who) && !model.revoked;
        send(address(consents), abi.encodeCall(Consents.revoke, (act, sign(signer, act))), good);
        if (good) model.revoked = true;
    }

    /// @notice Revokes one id under every controller; `bad` spoils some.
    function revokeMany(uint256 id, uint256 bad) external timed {
        IConsents.SignedRevoke[] memory items = new IConsents.SignedRevoke[](3);
        bool[3] memory good;
        bool any = false;
        for (uint256 i = 0; i < 3; ++i) {
            items[i].act = revokeOf(i, id);
            uint256 signer = (bad >> i) & 1 == 1 ? STRANGER : controllerKey(i);
            items[i].controllerSignature = sign(signer, items[i].act);
            good[i] = signer != STRANGER && !_model[controllerKey(i)][id % 4].revoked;
            any = any || good[i];
        }
        send(address(consents), abi.encodeCall(Consents.revokeBatch, (items)), any);
        for (uint256 i = 0; i < 3; ++i) {
            if (good[i]) _model[controllerKey(i)][id % 4].revoked = true;
        }
    }

    /// @notice Compares the grants with the model; what was seen dead must stay dead.
    function compare() external timed {
        for (uint256 i = 0; i < 3; ++i) {
            address account = CHEATS.addr(controllerKey(i));
            for (uint256 id = 0; id < 4; ++id) {
                Model storage model = _model[controllerKey(i)][id];
                (uint64 expiry, bool revoked) = consents.grantOf(account, bytes32(id));
                same(expiry, model.expiry, "expiry");
                check(revoked == model.revoked, "revoked");
                bool used = model.expiry != 0 || model.revoked;
                bool live = used && !model.revoked && clock() <= model.expiry;
                check(consents.isLive(account, bytes32(id)) == live, "live");
                check(!(model.dead && live), "what was dead lives");
                if (used && !live) model.dead = true;
            }
        }
    }

    function grantOf(uint256 who, uint256 id, uint256 expiry)
        private
        view
        returns (IConsents.Grant memory)
    {
        uint64 until = uint64(clock() - 1 hours + within(expiry, 0, 5 hours));
        return IConsents.Grant(CHEATS.addr(controllerKey(who)), bytes32(id % 4), until);
    }

    function revokeOf(uint256 who, uint256 id) private pure returns (IConsents.Revoke memory) {
        return IConsents.Revoke(CHEATS.addr(controllerKey(who)), bytes32(id % 4));
    }

    function fits(uint256 who, uint256 id, uint64 expiry) private view returns (bool) {
        Model storage model = _model[controllerKey(who)][id % 4];
        return model.expiry == 0 && !model.revoked && clock() <= expiry;
    }

    function signerOf(uint256 who, uint256 by) private pure returns (uint256) {
        return by % 3 == 0 ? controllerKey(who % 3 + 1) : controllerKey(who);
    }

    function sendSure() internal override {
        IConsents.Revoke memory act = revokeOf(0, 0);
        bytes memory data = abi.encodeCall(Consents.revoke, (act, sign(controllerKey(0), act)));
        send(address(consents), data, true);
        _model[controllerKey(0)][0].revoked = true;
    }
}

contract ConsentsInvariants is Play {
    ConsentsActor private _actor;

    function setUp() public {
        _actor = new ConsentsActor();
    }

    /// @dev No sequence of calls makes a revoked or expired grant live, nor one that its
    /// controller did not sign.
    function invariant_dead_grants_stay_dead() public {
        _actor.compare();
    }

    function actor() internal view override returns (Actor) {
        return _actor;
    }

    function moves() internal pure override returns (bytes4[] memory selectors) {
        selectors = new bytes4[](6);
        selectors[0] = ConsentsActor.request.selector;
        selectors[1] = ConsentsActor.grant.selector;
        selectors[2] = ConsentsActor.grantMany.selector;
        selectors[3] = ConsentsActor.revoke.selector;
        selectors[4] = ConsentsActor.revokeMany.selector;
        // While time passes, the comparison marks what it sees dead.
        selectors[5] = ConsentsActor.compare.selector;
    }
}
