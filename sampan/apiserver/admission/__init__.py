"""What is changed or refused after authorization and before storage: one file per plugin; order.py has their order."""
