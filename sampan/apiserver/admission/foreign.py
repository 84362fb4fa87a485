"""Admission of bodies that are no object of the resource: a Binding, an Eviction, the options of exec.

Called by subresources, which check the body between the two phases. Rules: k8s.io/apiserver/pkg/endpoints/handlers
(createHandler for named subresources, ConnectResource).
"""

from collections.abc import Mapping
from typing import Any

from sampan.apiserver.admission.attributes import CONNECT, CREATE, Admission
from sampan.apiserver.call import Call
from sampan.apiserver.options import WriteOptions
from sampan.apiserver.services import Services
from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import Object


async def mutated(
    services: Services, call: Call, body: Object, options: WriteOptions, subresource: str, *, foreign: bool = True
) -> Admission:
    """The first phase for a body that was posted, a tree with its apiVersion and kind; its `new` is what counts."""
    admission = Admission(
        call=call,
        operation=CREATE,
        obj=body,
        subresource=subresource,
        given=options,
        dry_run=options.dry_run,
        foreign=foreign,
    )
    await services.admission.mutate(services, admission)
    return admission


async def admitted_review(services: Services, call: Call, review: Object, options: WriteOptions) -> Object:
    """Both phases for an object that is answered and never stored."""
    admission = await mutated(services, call, review, options, "", foreign=False)
    await services.admission.validate(services, admission)
    return admission.new


async def admit_connection(services: Services, call: Call, subresource: str, options: Mapping[str, Any]) -> Object:
    """Both phases for a connection: what plugins make of its options object (PodExecOptions). Raises as they do, and
    BadRequest for a dry run."""
    if "dryRun" in call.query:
        raise BadRequest("dryRun is not supported")
    admission = Admission(call=call, operation=CONNECT, obj=dict(options), subresource=subresource, foreign=True)
    await services.admission.mutate(services, admission)
    await services.admission.validate(services, admission)
    return admission.new
