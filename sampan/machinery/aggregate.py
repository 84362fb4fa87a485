"""Several errors as one text, as k8s.io/apimachinery/pkg/util/errors (Aggregate) shows them. Pure."""

from collections.abc import Iterable


def aggregated(errors: Iterable[object]) -> str:
    """Each error once; in brackets where there are several, "" where there is none (an empty one is none)."""
    found = list(dict.fromkeys(text for error in errors if (text := str(error))))
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]" if found else ""
