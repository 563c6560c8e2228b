"""What an MLflow server could not take yet: queued on disk and sent later."""
