"""Manifests of the notes' chapters on controllers, as printed there: API versions, quotes and all.

`<template is the same as above>` is written out. Used by test_controllers.py and test_batch.py.
"""

REPLICA_SET = """\
apiVersion: apps/v1beta2
kind: ReplicaSet
metadata:
  name: kubia
spec:
  replicas: 3
  selector:
    matchLabels:
      app: kubia
  template:
    metadata:
      labels:
        app: kubia
    spec:
      containers:
      - name: kubia
        image: luksa/kubia
"""

DAEMON_SET = """\
apiVersion: apps/v1beta2
kind: DaemonSet
metadata:
  name: ssd-monitor
spec:
  selector:
    matchLabels:
      app: ssd-monitor
  template:
    metadata:
      labels:
        app: ssd-monitor
    spec:
      nodeSelector:
        disk: ssd
      containers:
      - name: main
        image: luksa/ssd-monitor
"""

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: batch-job
spec:
  template:
    metadata:
      labels:
        app: batch-job
    spec:
      restartPolicy: OnFailure
      containers:
      - name: main
        image: luksa/batch-job
"""

SEQUENTIAL_JOB = JOB.replace("name: batch-job", "name: multi-completion-batch-job", 1).replace(
    "spec:\n", "spec:\n  completions: 5\n", 1
)
PARALLEL_JOB = SEQUENTIAL_JOB.replace("completions: 5\n", "completions: 5\n  parallelism: 2\n")

CRON_JOB = """\
apiVersion: batch/v1beta1
kind: CronJob
metadata:
  name: batch-job-every-fifteen-minutes
spec:
  schedule: "0,15,30,45 * * * *"
  jobTemplate:
    spec:
      template:
        metadata:
          labels:
            app: periodic-batch-job
        spec:
          restartPolicy: OnFailure
          containers:
          - name: main
            image: luksa/batch-job
"""

PUNCTUAL_CRON_JOB = CRON_JOB.replace('* * * *"\n', '* * * *"\n  startingDeadlineSeconds: 15\n')
