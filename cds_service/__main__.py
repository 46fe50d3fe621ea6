"""`python -m cds_service` is `cds-service`."""

from __future__ import annotations

import sys

from cds_service.cli.main import main

sys.exit(main())
