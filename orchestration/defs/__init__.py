"""One folder a system: its assets, checks, schedules and sensors."""
