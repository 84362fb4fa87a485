"""Writes all objects of a resource again, so that they lie in storage in the version and the encryption of today.

plan.py says which migration is to do what, definition.py what it means for a CustomResourceDefinition. Rules: KEP-4192;
docs, "Storage Version Migration"; upstream's pkg/controller/storageversionmigrator, whose three loops are one here.
"""

from sampan.controllers.storage_version_migrator.controller import StorageVersionMigrator

CONTROLLER = StorageVersionMigrator
