"""What is changed or refused after authorization and before storage: one file per plugin; chain.py has their order."""
