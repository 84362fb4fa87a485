"""/status: the observed half of an object, written by controllers without touching the desired half."""

from sampan.apiserver.subresources.subresource import Subresource
from sampan.apiserver.verbs.get import get
from sampan.apiserver.verbs.patch import patch_status
from sampan.apiserver.verbs.update import update_status

STATUS = Subresource({"get": get, "patch": patch_status, "update": update_status})
