"""Settings: what is trained and how, as data that can be read, checked, changed and saved."""
