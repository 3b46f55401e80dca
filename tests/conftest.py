"""What holds for all tests: an example of a property test may take as long as the machine makes it take."""

from hypothesis import settings

settings.register_profile("legando", deadline=None)
settings.load_profile("legando")
