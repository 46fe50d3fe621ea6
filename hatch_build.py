"""Build hook: the wheel holds the whole FHIR package, with what of it is made from the tables, and the examples.

An editable install needs no files: the package is made when somebody asks for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MadePackage(BuildHookInterface):
    """Makes the package from the tables into a folder of its own, and puts its files beside those kept by hand."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the files of the wheel are collected."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from cds_service.publishing.build import write
        from cds_service.publishing.sources import shipped_sources

        self._made = TemporaryDirectory()
        folder = Path(self._made.name)
        build_data["force_include"] |= {
            str(folder / name): f"fhir_profiles/{name}" for name in write(shipped_sources(), folder)
        }
        # For `cds-service demo` of an installed service.
        build_data["force_include"] |= {
            str(path): f"cds_service/shipped_examples/{path.name}"
            for path in Path(self.root, "examples").glob("*.json")
        }

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when the wheel is written."""
        if version != "editable":
            self._made.cleanup()
