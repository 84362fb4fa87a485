"""AuthorizationConfiguration (apiserver.config.k8s.io): which authorizers there are, in which order, how they behave.

Read from the file of --authorization-config (config_file.py) or made of flags (options.py), judged by validation.py.
"""
