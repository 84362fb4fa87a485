"""What tests of and with Sampan use: the virtual clock, and control planes as fixtures."""
