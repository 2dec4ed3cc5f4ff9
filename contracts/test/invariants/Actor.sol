// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Checks } from "../support/Cheats.sol";
import { Fixture } from "../support/Fixture.sol";

/// @notice What random sequences are made of: each actor sends acts, good and bad, says beforehand
/// whether the contract must take them, and keeps all that were taken to send them again later.
abstract contract Actor is Fixture {
    /// @dev Calls that were taken and must never be taken again.
    bytes[] private _taken;
    address[] private _takers;
    uint256 private _time = NOW;

    /// @notice How many acts were taken.
    uint256 public taken;

    constructor() {
        setUp();
    }

    /// @dev Restores the clock, which need not survive between two calls.
    modifier timed() {
        CHEATS.warp(_time);
        _;
    }

    /// @notice Lets up to two hours pass.
    function pass(uint256 time) external {
        _time += within(time, 0, 2 hours);
    }

    /// @notice Sends again what was taken before.
    function replay(uint256 index) external timed {
        if (_taken.length == 0) return;
        index = within(index, 0, _taken.length - 1);
        (bool ok,) = _takers[index].call(_taken[index]);
        check(!ok, "nothing is taken twice");
    }

    /// @notice Suspends or reinstates a hospital.
    function toggle(uint256 which) external timed {
        address account = CHEATS.addr(institutionKey(which));
        bool active = registry.isActiveInstitution(account);
        setInstitution(account, active ? SUSPENDED : ACTIVE);
    }

    /// @notice One act that has to be taken after a sequence in which none was.
    function sure() external timed {
        if (!isActive(HOSPITAL)) setInstitution(CHEATS.addr(HOSPITAL), ACTIVE);
        sendSure();
    }

    function clock() public view returns (uint256) {
        return _time;
    }

    function institutionKey(uint256 which) internal pure returns (uint256) {
        return which % 2 == 0 ? HOSPITAL : CLINIC;
    }

    function controllerKey(uint256 which) internal pure returns (uint256) {
        return PATIENT + (which % 3);
    }

    function isActive(uint256 key) internal view returns (bool) {
        return registry.isActiveInstitution(CHEATS.addr(key));
    }

    /// @dev Sends an act that the contract must take while nothing was taken yet and the hospital
    /// is active.
    function sendSure() internal virtual;

    /// @dev Sends `data`, which must be taken if and only if `good`.
    function send(address target, bytes memory data, bool good) internal {
        (bool ok,) = target.call(data);
        check(ok == good, good ? "a good act is taken" : "a bad act is refused");
        if (!ok) return;
        ++taken;
        _taken.push(data);
        _takers.push(target);
    }
}

/// @notice Tells Forge to call an actor and nothing else.
abstract contract Play is Checks {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function actor() internal view virtual returns (Actor);

    function moves() internal view virtual returns (bytes4[] memory);

    /// @dev Forge calls this at the end of each sequence: each must have done something, and where
    /// chance sent bad acts alone a good one is still taken.
    function afterInvariant() external {
        if (actor().taken() == 0) actor().sure();
        check(actor().taken() > 0, "no act was taken");
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actor());
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory own = moves();
        bytes4[] memory all = new bytes4[](own.length + 3);
        for (uint256 i = 0; i < own.length; ++i) {
            all[i] = own[i];
        }
        all[own.length] = Actor.pass.selector;
        all[own.length + 1] = Actor.replay.selector;
        all[own.length + 2] = Actor.toggle.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(actor()), all);
    }
}
