"""Acting as another: whom the Impersonate headers name, and whether the caller may be that one for this request."""
