"""`python -m tertulia` is `tertulia`."""

from tertulia.cli import main

main()
