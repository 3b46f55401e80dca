"""The live side of legando: controls, clock, ring, player process, host and command line.

Docstrings in this project end with the place where the code may run:

- `[audio]`: inside the sound card's callback: no allocation, lock, log, file or socket; never raises.
- `[engine]`: inside the generator's step: no allocation after `prepare()`, no device synchronisation.
- `[control]`: host, command line, MIDI and bridge threads: may block and allocate.
- `[any]`: pure functions and frozen values, safe anywhere.
"""
