"""Flags of the components: what was said once is kept until it is taken back by an empty text, and refused where it
can't be.

Called by settle.py. What the flags mean is told in admission.py, encryption.py, authentication.py, authorization.py and
audit.py, which bring half of the API server with them and so are loaded only where such a flag was given; and in
controller_flags.py and scheduler.py.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sampan.cluster.audit_flags import BY_FIELD
from sampan.cluster.config import ClusterConfig
from sampan.cluster.controller_flags import ControllerFlagError, merged, settings
from sampan.cluster.wishes import Wishes


class FlagError(Exception):
    """A flag asks for what can't be; the message says which and why."""


def kept(wishes: Wishes, existing: ClusterConfig | None = None) -> dict[str, Any]:
    """What is new in a configuration by the flags that were given."""
    authentication = existing.authentication if existing else {}
    authorization = existing.authorization if existing else {}
    audit = existing.audit if existing else {}
    return {
        **_admission(wishes),
        **_encryption(wishes),
        **_simulation(wishes),
        **_scheduler(wishes),
        **_disabled(wishes),
        "authentication": _authentication(wishes, authentication),
        "authorization": _authorization(wishes, authorization),
        "audit": _audit(wishes, audit),
        "controllers": merged(existing.controllers if existing else {}, wishes.controllers),
    }


def files(config: ClusterConfig) -> Iterator[tuple[str, str]]:
    """(flag, path) of every file that a flag has named."""
    yield "--admission-control-config-file", config.admission_config_file
    yield "--encryption-provider-config", config.encryption_provider_config
    yield "--simulate-config", config.simulate_config
    yield "--scheduler-config", config.scheduler_config
    for said in (config.authentication, config.authorization, config.audit):
        for field, value in said.items():
            for path in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
                if path.startswith("/"):
                    yield f"--{field.replace('_', '-')}", path


def way_out(config: ClusterConfig, problem: str) -> str:
    """What to do where a file that an earlier `up` was given is the problem; "" where none is."""
    for flag, path in files(config):
        if path and path in problem:
            lost = ", where nothing is encrypted by it" if flag == "--encryption-provider-config" else ""
            back = f"sampan up --name {config.name} {flag} ''"
            return f"\nFlags are kept. Mend {path}, name another file or, to do without{lost}:\n    {back}"
    return ""


def check(config: ClusterConfig) -> None:
    """Raises FlagError."""
    _check_admission(config)
    _check_encryption(config)
    _check_authentication(config)
    _check_authorization(config)
    _check_audit(config)
    _check_controllers(config)
    _check_simulation(config)
    _check_scheduler(config)


def _admission(wishes: Wishes) -> dict[str, Any]:
    """What was said about admission; an empty text takes back what was said before."""
    file = wishes.admission_config_file
    said = {
        "enable_admission_plugins": wishes.enable_admission_plugins,
        "disable_admission_plugins": wishes.disable_admission_plugins,
        "admission_config_file": str(Path(file).absolute()) if file else file,
    }
    return {field: value for field, value in said.items() if value is not None}


def _check_admission(config: ClusterConfig) -> None:
    if config.enable_admission_plugins or config.disable_admission_plugins or config.admission_config_file:
        # The plugins bring all kinds with them: half the time of an `up` that need not know them.
        from sampan.cluster.admission import AdmissionError, admission_of

        try:
            admission_of(config)
        except AdmissionError as error:
            raise FlagError(str(error)) from None


def _encryption(wishes: Wishes) -> dict[str, Any]:
    """What was said about encryption at rest; an empty text takes back what was said before."""
    file = wishes.encryption_provider_config
    said: dict[str, Any] = {}
    if file is not None:
        said["encryption_provider_config"] = str(Path(file).absolute()) if file else ""
    if wishes.encryption_reload is not None or file == "":
        said["encryption_provider_config_automatic_reload"] = bool(file != "" and wishes.encryption_reload)
    return said


def _check_encryption(config: ClusterConfig) -> None:
    if config.encryption_provider_config or config.encryption_provider_config_automatic_reload:
        from sampan.cluster.encryption import EncryptionError, check

        try:
            check(config)
        except EncryptionError as error:
            raise FlagError(str(error)) from None


def _simulation(wishes: Wishes) -> dict[str, Any]:
    """What was said about simulated nodes."""
    file = wishes.simulate_config
    said = {"simulate_nodes": wishes.simulate_nodes, "simulate_config": str(Path(file).absolute()) if file else file}
    return {field: value for field, value in said.items() if value is not None}


def _check_simulation(config: ClusterConfig) -> None:
    if config.simulate_config and config.simulate_nodes is None:
        raise FlagError("--simulate-config is about simulated nodes, of which there are none: add --simulate-nodes N")
    if config.simulate_nodes is not None:
        from sampan.cluster.simulation import SimulationError, fleet_of

        try:
            fleet_of(config)
        except SimulationError as error:
            raise FlagError(str(error)) from None


def _scheduler(wishes: Wishes) -> dict[str, Any]:
    """What was said about the scheduler; an empty text takes back what was said before."""
    file = wishes.scheduler_config
    return {} if file is None else {"scheduler_config": str(Path(file).absolute()) if file else ""}


def _disabled(wishes: Wishes) -> dict[str, Any]:
    """Which components are to be somebody else's."""
    said = {"scheduler": wishes.disable_scheduler, "controller_manager": wishes.disable_controller_manager}
    return {f"disable_{name}": wish for name, wish in said.items() if wish is not None}


def _check_scheduler(config: ClusterConfig) -> None:
    if config.scheduler_config:
        from sampan.cluster.scheduler import SchedulerError, configuration_of

        try:
            configuration_of(config)
        except SchedulerError as error:
            raise FlagError(str(error)) from None


def _authentication(wishes: Wishes, before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was said about authentication, on top of what was said before."""
    if not wishes.authentication:
        return before
    from sampan.cluster.authentication import merged

    return merged(before, wishes.authentication)


def _check_authentication(config: ClusterConfig) -> None:
    if config.authentication:
        from sampan.cluster.authentication import AuthenticationError, check

        try:
            check(config)
        except AuthenticationError as error:
            raise FlagError(str(error)) from None


def _authorization(wishes: Wishes, before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was said about authorization, on top of what was said before."""
    if not wishes.authorization:
        return before
    from sampan.cluster.authorization import merged

    return merged(before, wishes.authorization)


def _check_authorization(config: ClusterConfig) -> None:
    if config.authorization:
        from sampan.cluster.authorization import AuthorizationError, check

        try:
            check(config)
        except AuthorizationError as error:
            raise FlagError(str(error)) from None


def _audit(wishes: Wishes, before: Mapping[str, str]) -> dict[str, str]:
    """What was said about auditing, and before; an empty text takes back what was said before."""
    said = {name: _absolute(text) if BY_FIELD[name].takes == "FILE" else text for name, text in wishes.audit.items()}
    return {name: text for name, text in {**before, **said}.items() if text}


def _absolute(path: str) -> str:
    return path if path in ("", "-") else str(Path(path).absolute())


def _check_audit(config: ClusterConfig) -> None:
    if config.audit:
        from sampan.cluster.audit import AuditError, check

        try:
            check(config)
        except AuditError as error:
            raise FlagError(str(error)) from None


def _check_controllers(config: ClusterConfig) -> None:
    try:
        settings(config.controllers)
    except ControllerFlagError as error:
        raise FlagError(str(error)) from None
