"""Settings for all tests.

Everyday tests draw the same examples each time. `make test-all` sets HYPOTHESIS_PROFILE=fresh, which draws new ones;
what fails then is printed, and goes into the test as an `@example(...)`. No test is judged by its wall clock.
"""

import os
import signal

from hypothesis import HealthCheck, settings

SLOW_MACHINE = [HealthCheck.too_slow]

settings.register_profile(
    "everyday",
    deadline=None,
    suppress_health_check=SLOW_MACHINE,
    derandomize=True,
    database=None,
    max_examples=50,
)
settings.register_profile("fresh", deadline=None, suppress_health_check=SLOW_MACHINE, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))

# Started in the background by a shell, tests ignore Ctrl-C, and so would every program that they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
