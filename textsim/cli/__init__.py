"""The command line: options to settings to one library call to text on standard output."""
