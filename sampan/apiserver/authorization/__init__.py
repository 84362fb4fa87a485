"""May they: role-based access control, evaluated over the watch cache."""
