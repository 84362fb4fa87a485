"""IntOrString where it is a number or a percentage of a whole, as maxUnavailable. Pure; called by controllers.

Rule: upstream's intstr.GetScaledValueFromIntOrPercent.
"""

from math import ceil, floor


def scaled(value: int | str, whole: int, *, up: bool) -> int:
    """The number itself, or so many percent of `whole`, rounded up or down."""
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * whole / 100
    return ceil(share) if up else floor(share)
