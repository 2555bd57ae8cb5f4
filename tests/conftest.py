"""What holds for every test: properties are judged by their answers, never by the clock of a busy machine."""

from hypothesis import HealthCheck, settings

settings.register_profile("minhos", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("minhos")
