"""The channel: the Noise Protocol Framework, revision 34, with the HFS extension. No I/O, no clock, no log."""
