"""What documents mean: pure functions and records; no network, no database, no clock."""
