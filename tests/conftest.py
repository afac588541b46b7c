"""Settings for all tests. A shared machine stalls now and then, so no test is judged by its wall clock."""

from hypothesis import HealthCheck, settings

settings.register_profile("halo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("halo")
