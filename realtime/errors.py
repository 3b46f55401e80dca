"""The one base class of errors that a user can cause or mend. [any]"""


class LegandoError(Exception):
    """Say in one sentence what is wrong, with the values, and what to do about it."""


class RigError(LegandoError):
    """A rig file or a control has a value that cannot be used."""


class DeviceError(LegandoError):
    """An audio or MIDI device cannot be found or opened."""


class BundleError(LegandoError):
    """A model bundle is corrupt, foreign, or does not reproduce its reference output."""


class MidiError(LegandoError):
    """A MIDI file or message cannot be read."""


class WireError(LegandoError):
    """A message from the bridge is not one that this version understands."""
