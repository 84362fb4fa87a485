"""The scheduler as `sampan up` was told: the file of --scheduler-config, kube-scheduler's --config.

Called when a cluster is settled, to refuse what can't be, and when its scheduler is made.
"""

from pathlib import Path

from sampan.cluster.config import ClusterConfig
from sampan.scheduler.configuration import config_file
from sampan.scheduler.configuration.configuration import Configuration
from sampan.scheduler.extenders.extenders import Extenders
from sampan.scheduler.extenders.wire import ExtenderError


class SchedulerError(Exception):
    """The file asks for what can't be; the message names it and says why."""


def configuration_of(config: ClusterConfig) -> Configuration:
    """What the scheduler is told. Raises SchedulerError."""
    if not config.scheduler_config:
        return Configuration()
    try:
        found = config_file.read(Path(config.scheduler_config))
        Extenders(found.extenders)  # reads the files that it names
    except config_file.ConfigFileError as error:
        raise SchedulerError(f"--scheduler-config: {error}") from error
    except ExtenderError as error:
        why = f"couldn't build extenders: {error}"
        raise SchedulerError(f"--scheduler-config: {config.scheduler_config}: {why}") from error
    return found
