"""Admission as `sampan up` was told: the plugins by flag, and the file that configures them.

Called when a cluster is settled, to refuse what can't be, and when its API server is made.
"""

from pathlib import Path

from sampan.apiserver.admission.config_file import ConfigFileError, read
from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.order import chosen
from sampan.cluster.config import ClusterConfig


class AdmissionError(Exception):
    """A flag or the file asks for what can't be; the message says which and why."""


def admission_of(config: ClusterConfig) -> AdmissionConfiguration:
    """What the API server is told about admission. Raises AdmissionError."""
    configuration = AdmissionConfiguration(
        enable=_names(config.enable_admission_plugins), disable=_names(config.disable_admission_plugins)
    )
    try:
        if config.admission_config_file:
            configuration = read(Path(config.admission_config_file), configuration)
        chosen(configuration)
    except ConfigFileError as error:
        raise AdmissionError(f"--admission-control-config-file: {error}") from error
    except OSError as error:
        file = error.filename or config.admission_config_file
        raise AdmissionError(f"--admission-control-config-file: {file}: {error.strerror}") from error
    except ValueError as error:
        raise AdmissionError(f"--{error}") from error
    return configuration


def _names(listed: str) -> frozenset[str]:
    return frozenset(name for word in listed.split(",") if (name := word.strip()))
