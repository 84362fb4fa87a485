"""Asking somebody else, by SubjectAccessReview: what is asked, when, and for how long the answer is remembered."""
