"""KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): the file of --scheduler-config, as values.

    configuration = config_file.read(path)          # raises ConfigFileError, with upstream's text and the file named
    configuration = Configuration()                 # without a file

`points.py` says what plugins there are and where each has a say, `merging.py` which of them a profile has and in which
order, `validation.py` what the fields may hold. All of it is pure but for reading the file. Called by cluster/, to
refuse what can't be and to start the scheduler, and by profile.py, which makes the plugins.
"""
