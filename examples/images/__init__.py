"""Stand-ins for the images that the notes name, for machines that no public registry reaches."""
